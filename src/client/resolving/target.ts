import { distinctAddresses, formatAddress, isPort, parseAddress, withoutBrackets } from "./address.ts";
import type { Address } from "./resolver.ts";

interface TargetParts {
  /** The target in its shortest form, which says the same; it holds no secret, and may stand in a log. */
  readonly text: string;
  /** Host and port that requests are addressed to (`:authority`), and, without the port, the name in TLS certificates. */
  readonly authority: string;
  /** What stands before `/service/method` in every request: empty, or a path that begins with a slash. */
  readonly path: string;
}

/** `http://host[:port]` or `https://host[:port]`: one backend. A port that is the scheme's own is not in the authority. */
export interface UrlTarget extends TargetParts {
  readonly kind: "url";
  readonly scheme: "http" | "https";
  readonly addresses: readonly [Address];
}

/** `dns:///host:port`: every address of a name is a backend. */
export interface DnsTarget extends TargetParts {
  readonly kind: "dns";
  /** Whether TLS is spoken is decided elsewhere. */
  readonly scheme: undefined;
  /** The name to look up, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `static:///host:port,host:port`: the backends themselves. Requests are addressed to the first, whoever gets them. */
export interface StaticTarget extends TargetParts {
  readonly kind: "static";
  /** Whether TLS is spoken is decided elsewhere. */
  readonly scheme: undefined;
  /** At least one, none twice. */
  readonly addresses: readonly Address[];
}

export type Target = UrlTarget | DnsTarget | StaticTarget;

const ALLOWED =
  "a target is a URL such as http://localhost:50051, https://api.example.com/v1, dns:///orders:50051 or " +
  "static:///10.0.0.1:50051,10.0.0.2:50051";

/**
 * Reads what a channel goes to. As in gRPC's naming (doc/naming.md) `dns:host:port` is the same as `dns:///host:port`, and
 * `static:` likewise; unlike there a DNS server cannot be chosen, a port is required, and a target without a scheme is
 * refused, because `localhost:50051` does not say whether one backend is meant or all that the name has.
 *
 * @throws Error that says what is wrong and what is allowed; it repeats nothing that may be a secret
 */
export function parseTarget(target: string): Target {
  const text = target.trim();
  // Wherever an @ stands, escaped too, what is before it may be a password that broke out of its place.
  if (/@|%40/.test(text)) {
    throw new Error("a target takes no user and password, and so no @ anywhere; send authorization by an interceptor");
  }
  const [, scheme = "", rest = ""] = /^([a-z][a-z\d+.-]*):(.*)$/is.exec(text) ?? [];
  switch (scheme.toLowerCase()) {
    case "http":
    case "https":
      return urlTarget(text, rest);
    case "dns":
      return dnsTarget(text, rest);
    case "static":
      return staticTarget(text, rest);
    default:
      throw wrong(text, "begins with none of http:, https:, dns: and static:");
  }
}

/**
 * What is wrong with a target, in words, for whoever checks configuration: undefined where a channel can be opened to it.
 * The words repeat nothing that may be a secret.
 */
export function targetProblem(target: string): string | undefined {
  try {
    parseTarget(target);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function urlTarget(text: string, rest: string): UrlTarget {
  if (/[?#]/.test(text)) {
    throw wrong(text, "has a query or a fragment, which no request would carry");
  }
  if (!rest.startsWith("//") || !URL.canParse(text)) {
    throw wrong(text, "cannot be read as a URL");
  }
  const url = new URL(text);
  const scheme = url.protocol === "https:" ? "https" : "http";
  const port = Number(url.port || { http: 80, https: 443 }[scheme]);
  if (!isPort(port)) {
    throw wrong(text, "has the port 0, and ports are from 1 to 65535");
  }
  const path = url.pathname.replace(/\/$/, "");
  const addresses = [{ host: withoutBrackets(url.hostname), port }] as const;
  return { kind: "url", text: url.href, scheme, addresses, authority: url.host, path };
}

function dnsTarget(text: string, rest: string): DnsTarget {
  const address = readAddress(text, nameIn(text, rest));
  const authority = formatAddress(address);
  return { kind: "dns", text: `dns:///${authority}`, scheme: undefined, ...address, authority, path: "" };
}

function staticTarget(text: string, rest: string): StaticTarget {
  const parts = nameIn(text, rest).split(",");
  const addresses = distinctAddresses(parts.map((part) => readAddress(text, part.trim())));
  const [authority = "", ...others] = addresses.map(formatAddress);
  const list = [authority, ...others].join(",");
  return { kind: "static", text: `static:///${list}`, scheme: undefined, addresses, authority, path: "" };
}

/** What stands behind `dns:///`, or behind `dns:`. */
function nameIn(text: string, rest: string): string {
  const [, server = "", name = rest] = /^\/\/([^/]*)\/?(.*)$/s.exec(rest) ?? [];
  if (server !== "") {
    throw wrong(text, "names a server to ask between its second and third slash, which cannot be chosen here");
  }
  if (name.trim() === "") {
    throw wrong(text, "names nothing behind its slashes");
  }
  return name.trim();
}

function readAddress(text: string, part: string): Address {
  try {
    return parseAddress(part);
  } catch (error) {
    throw wrong(text, `cannot be read: ${quoted(part)} ${error instanceof Error ? error.message : error}`);
  }
}

function wrong(text: string, complaint: string): Error {
  return new Error(`the target ${quoted(text)} ${complaint}; ${ALLOWED}`);
}

/** Without the query, which may hold a token, and with line breaks escaped. */
function quoted(text: string): string {
  return JSON.stringify(text.replace(/([?#]).*$/s, "$1..."));
}
