import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { createMethodUrl } from "@connectrpc/connect/protocol";
import type { ActiveCall } from "../../call/call.ts";
import { MAX_TIMER_MS } from "../../call/clock.ts";
import { formatTimeout, parseTimeoutMs, type TimeoutHeader } from "../../call/deadline.ts";
import { FieldBlock, type Lines } from "../../http2/index.ts";
import { type Codec, methodCodecs } from "../../wire/codec.ts";
import { MAX_MESSAGE_BYTES } from "../../wire/envelope.ts";
import { timeoutHeaderOf } from "../../wire/protocol.ts";
import { type AttemptRules, attemptRules } from "../attempts/attempt-rules.ts";
import type { RequestHead } from "../connections/http-request.ts";
import type { CallLimits } from "./call-life.ts";
import { companionLines } from "./companion-lines.ts";
import type { FurtherAttempt } from "./further-attempt.ts";
import { onwardLimitMs } from "./onward-limit.ts";
import { FRAMING_FIELDS, requestFields } from "./request-fields.ts";
import { requestHeader } from "./request-header.ts";
import { type StreamForm, streamForm } from "./stream-form.ts";
import type { CallTransportOptions } from "./transport-options.ts";

/** What a call adds to the head that all calls of its method have. */
export interface AddedLines {
  readonly lines: Lines;
  /** It takes the channel's time-out. */
  readonly isTimed: boolean;
}

/** A call's header: what it adds, or all of it where it is more than that or somebody is to see it. */
export type CallHeader = Headers | AddedLines;

/** Says how often a call was tried before (gRPC A6). */
export const PREVIOUS_ATTEMPTS_HEADER = "grpc-previous-rpc-attempts";
const NO_LINES: Lines = [];
const NOTHING_ADDED: AddedLines = { lines: NO_LINES, isTimed: false };
const ONLY_TIMED: AddedLines = { lines: NO_LINES, isTimed: true };

/** What the calls of one method have in common: made with the first of them. */
export class MethodCalls {
  readonly method: DescMethod;
  readonly url: string;
  readonly input: Codec;
  readonly output: Codec;
  /** Of messages in envelopes. */
  readonly form: StreamForm;
  /** How often, and when, calls are tried. */
  readonly rules: AttemptRules;
  readonly #options: CallTransportOptions;
  readonly #path: string;
  readonly #timeoutHeader: TimeoutHeader;
  /** What bounds a call that names no time-out. */
  readonly #channelMs: number | undefined;
  /** The head of a call that adds nothing to it. */
  readonly #block: FieldBlock;
  /** The same with the channel's time-out, for calls that get it. */
  readonly #timedBlock: FieldBlock;
  /** Fields of a caller with which a head is more than the block and some lines. */
  readonly #reserved: ReadonlySet<string>;

  constructor(options: CallTransportOptions, method: DescMethod) {
    this.#options = options;
    this.method = method;
    this.url = createMethodUrl(options.url.href, method);
    const { input, output } = methodCodecs(method, options.format, { ...options, writeMaxBytes: MAX_MESSAGE_BYTES });
    this.input = input;
    this.output = output;
    this.form = streamForm(options, { input, output });
    const url = new URL(this.url);
    this.#path = url.pathname;
    this.#timeoutHeader = timeoutHeaderOf(options.protocol);
    this.rules = attemptRules(method, options.policies);
    this.#channelMs = this.rules.timeoutMs ?? (method.methodKind === "unary" ? options.timeoutMs : undefined);
    const header = requestHeader(options, method.methodKind, undefined);
    if (options.protocol === "connect" && method.methodKind === "unary") {
      header.delete("content-encoding"); // it depends on the message
    }
    const lines = requestFields("POST", url, header);
    this.#block = new FieldBlock(lines);
    this.#timedBlock = new FieldBlock([...lines, this.#timeoutLine(this.#channelMs ?? options.timeoutMs)]);
    this.#reserved = new Set([
      ...lines.map(([name]) => name),
      ...FRAMING_FIELDS,
      "host",
      "te",
      "x-user-agent",
      "content-encoding",
      this.#timeoutHeader,
      PREVIOUS_ATTEMPTS_HEADER,
    ]);
  }

  /**
   * The header of a call, with request id, companions and time-out, and what bounds its time.
   *
   * @param call that it is made for
   * @param isSeen somebody is to see the header, and perhaps to change it
   */
  begin(
    call: ActiveCall | undefined,
    header: HeadersInit | undefined,
    timeoutMs: number | undefined,
    isSeen: boolean,
  ): { readonly header: CallHeader; readonly limits: CallLimits } {
    const own = header === undefined ? undefined : new Headers(header);
    const askedMs = timeoutMs !== undefined && timeoutMs > 0 ? Math.min(timeoutMs, MAX_TIMER_MS) : undefined;
    const limitMs = onwardLimitMs(call, this.#bounded(askedMs ?? this.#timeoutIn(own)), this.#channelMs);
    const limits = { limitMs, isOwnLimit: limitMs !== undefined && limitMs === askedMs };
    const isTimed = limitMs !== undefined && limitMs === this.#channelMs;
    if (isSeen || (own !== undefined && this.#isReserved(own))) {
      return { header: this.#wholeHeader(call, own, limitMs), limits };
    }
    if (own === undefined && call === undefined && (isTimed || limitMs === undefined)) {
      return { header: isTimed ? ONLY_TIMED : NOTHING_ADDED, limits };
    }
    const lines: (readonly [string, string])[] = own === undefined ? [] : [...own];
    for (const line of call === undefined ? NO_LINES : companionLines(call)) {
      if (own?.has(line[0]) !== true) {
        lines.push(line);
      }
    }
    if (limitMs !== undefined && !isTimed) {
      lines.push(this.#timeoutLine(limitMs));
    }
    return { header: { lines, isTimed }, limits };
  }

  /** @param url where an interceptor has changed it, or the message is a part of it */
  head(header: CallHeader, httpMethod = "POST", url = this.url): RequestHead {
    if (header instanceof Headers) {
      const target = new URL(url);
      const { origin } = this.#options.target;
      if (target.origin !== origin) {
        throw new ConnectError(`a request to ${target.origin} cannot go to ${origin}`, Code.Internal);
      }
      const fields = requestFields(httpMethod, target, header);
      return { method: httpMethod, path: target.pathname + target.search, fields, more: undefined };
    }
    const { lines, isTimed } = header;
    const fields = isTimed ? this.#timedBlock : this.#block;
    return { method: "POST", path: this.#path, fields, more: lines.length === 0 ? undefined : lines };
  }

  /** The header of a further attempt, with what is left of the time. */
  again(header: CallHeader, { previousAttempts, timeLeftMs }: FurtherAttempt): CallHeader {
    const added: (readonly [string, string])[] = [];
    if (timeLeftMs !== undefined) {
      added.push(this.#timeoutLine(timeLeftMs));
    }
    if (previousAttempts > 0) {
      added.push([PREVIOUS_ATTEMPTS_HEADER, String(previousAttempts)]);
    }
    if (header instanceof Headers) {
      const changed = new Headers(header);
      for (const line of added) {
        changed.set(...line);
      }
      return changed;
    }
    const isReplaced = (name: string) => added.some(([other]) => other === name);
    return { lines: [...header.lines.filter(([name]) => !isReplaced(name)), ...added], isTimed: false };
  }

  /** A caller's own limit, which the method's, where the service config has one, bounds (gRPC's doc/service_config.md). */
  #bounded(ownMs: number | undefined): number | undefined {
    const { timeoutMs } = this.rules;
    return ownMs === undefined || timeoutMs === undefined ? ownMs : Math.min(ownMs, timeoutMs);
  }

  #isReserved(own: Headers): boolean {
    for (const name of own.keys()) {
      if (this.#reserved.has(name)) {
        return true;
      }
    }
    return false;
  }

  #timeoutIn(own: Headers | undefined): number | undefined {
    const timeout = own?.get(this.#timeoutHeader) ?? undefined;
    return timeout === undefined ? undefined : parseTimeoutMs(this.#timeoutHeader, timeout);
  }

  #timeoutLine(timeoutMs: number): readonly [string, string] {
    return [this.#timeoutHeader, formatTimeout(this.#timeoutHeader, timeoutMs)];
  }

  #wholeHeader(call: ActiveCall | undefined, own: Headers | undefined, limitMs: number | undefined): Headers {
    const header = requestHeader(this.#options, this.method.methodKind, own);
    for (const [name, value] of call === undefined ? NO_LINES : companionLines(call)) {
      if (!header.has(name)) {
        header.set(name, value);
      }
    }
    if (limitMs !== undefined) {
      header.set(...this.#timeoutLine(limitMs));
    }
    return header;
  }
}

/** The header of a unary call whose message is compressed with `encoding`, where the protocol has it in the head. */
export function withEncoding(
  { protocol }: CallTransportOptions,
  header: CallHeader,
  encoding: string | undefined,
): CallHeader {
  if (protocol !== "connect") {
    return header;
  }
  if (header instanceof Headers) {
    if (encoding === undefined) {
      header.delete("content-encoding");
    } else {
      header.set("content-encoding", encoding);
    }
    return header;
  }
  return encoding === undefined
    ? header
    : { lines: [...header.lines, ["content-encoding", encoding]], isTimed: header.isTimed };
}
