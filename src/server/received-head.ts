import type { IncomingHttpHeaders } from "node:http";
import { fieldValue, type HeaderField, type RequestHead } from "../http2/index.ts";
import { isForwardingField } from "./proxies.ts";

/** The head of a request, whatever carried it. */
export interface ReceivedHead {
  readonly httpVersion: "1.0" | "1.1" | "2.0";
  /** As sent. */
  readonly method: string;
  /** The target, as sent: mostly path and query. */
  readonly url: string;
  /** The value of a field, by its lower-case name; several joined by commas, cookies by semicolons. */
  field(name: string): string | undefined;
  /** Every value of a field, by its lower-case name; `:authority` counts as one. */
  values(name: string): readonly string[];
  /** Takes what only a trusted proxy may say out, so that nobody further in believes it. */
  removeForwarding(): void;
  /** The fields, as the Fetch standard has them; without pseudo-header fields. */
  toHeaders(): Headers;
}

/** What is used of node:http's request, and of node:http2's. */
interface NodeMessage {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  readonly headers: IncomingHttpHeaders;
  /** Alternating names and values. */
  readonly rawHeaders: string[];
}

/** The head of a request that node:http or node:http2 has read. */
export class NodeHead implements ReceivedHead {
  readonly #request: NodeMessage;

  constructor(request: NodeMessage) {
    this.#request = request;
  }

  get httpVersion(): "1.0" | "1.1" | "2.0" {
    const { httpVersionMajor, httpVersionMinor } = this.#request;
    return httpVersionMajor === 2 ? "2.0" : httpVersionMinor === 0 ? "1.0" : "1.1";
  }

  get method(): string {
    return this.#request.method ?? "";
  }

  get url(): string {
    return this.#request.url ?? "";
  }

  field(name: string): string | undefined {
    const value = this.#request.headers[name];
    return typeof value === "object" ? value.join(", ") : value;
  }

  /** By the raw fields: node:http keeps the first `host` only, and hides that there was another. */
  values(name: string): readonly string[] {
    const { rawHeaders } = this.#request;
    const values: string[] = [];
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      const field = rawHeaders[at] ?? "";
      if (field.length === name.length && field.toLowerCase() === name) {
        values.push(rawHeaders[at + 1] ?? "");
      }
    }
    return values;
  }

  removeForwarding(): void {
    const { headers, rawHeaders } = this.#request;
    for (const name of Object.keys(headers).filter(isForwardingField)) {
      delete headers[name];
    }
    for (let at = rawHeaders.length - 2; at >= 0; at -= 2) {
      if (isForwardingField(rawHeaders[at] ?? "")) {
        rawHeaders.splice(at, 2);
      }
    }
  }

  toHeaders(): Headers {
    const headers = new Headers();
    for (const [name, value] of Object.entries(this.#request.headers)) {
      if (value === undefined || name.startsWith(":")) {
        continue;
      }
      for (const one of [value].flat()) {
        headers.append(name, one);
      }
    }
    return headers;
  }
}

/** The head of a request on a stream of our own engine, which has checked it. */
export class StreamHead implements ReceivedHead {
  readonly httpVersion = "2.0";
  readonly method: string;
  readonly url: string;
  readonly scheme: string;
  readonly #authority: string | undefined;
  #fields: readonly HeaderField[];

  constructor(head: RequestHead) {
    this.method = head.method;
    this.url = head.path ?? "";
    this.scheme = head.scheme ?? "";
    this.#authority = head.authority;
    this.#fields = head.fields;
  }

  /** In the order in which they came; shared by requests, and never changed. */
  get fields(): readonly HeaderField[] {
    return this.#fields;
  }

  field(name: string): string | undefined {
    return fieldValue(this.#fields, name);
  }

  values(name: string): readonly string[] {
    if (name === ":authority") {
      return this.#authority === undefined ? [] : [this.#authority];
    }
    return this.#fields.filter((field) => field.name === name).map(({ value }) => value);
  }

  removeForwarding(): void {
    if (this.#fields.some(({ name }) => isForwardingField(name))) {
      this.#fields = this.#fields.filter(({ name }) => !isForwardingField(name));
    }
  }

  toHeaders(): Headers {
    const headers = new Headers();
    for (const { name, value } of this.#fields) {
      if (name !== "cookie") {
        headers.append(name, value);
      }
    }
    const cookie = this.field("cookie"); // crumbs are joined by semicolons (RFC 9113, 8.2.3)
    if (cookie !== undefined) {
      headers.set("cookie", cookie);
    }
    return headers;
  }
}
