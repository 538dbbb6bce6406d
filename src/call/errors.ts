import { Code, ConnectError } from "@connectrpc/connect";

/** An onward call that failed: what the log says of it, and nobody outside. */
export interface OnwardFailure {
  /** The target and method that were called, such as `http://localhost:50051/name.v1.NameService/ProcessName`. */
  readonly url: string;
  /** Where the call's time went, in words, where that is known. */
  readonly story?: string | undefined;
}

const onwardFailures = new WeakMap<ConnectError, OnwardFailure>();

/** Remembers that `error` came from an onward call, so that no handler passes it on unseen. */
export function markOnward(error: ConnectError, failure: OnwardFailure): ConnectError {
  onwardFailures.set(error, failure);
  return error;
}

/** Where `error` came from, if an onward call failed with it. Any transport of Connect's marks what it read from the wire. */
export function onwardFailure(error: ConnectError): OnwardFailure | undefined {
  const known = onwardFailures.get(error);
  if (known !== undefined) {
    return known;
  }
  return "isWireError" in error && error.isWireError === true ? { url: "" } : undefined;
}

/** An error's answer, and what the log has to say about it. */
export interface Answer {
  readonly error: ConnectError;
  /** Set where the error is a surprise: an onward call that failed, or what is no ConnectError. */
  readonly surprise: "onward" | "unexpected" | undefined;
}

/**
 * What the caller is told when a handler throws. An interrupted call is answered by what interrupted it. A ConnectError
 * that the handler made passes whole. A failed onward call that the handler let through keeps its code where the caller
 * can act on it, with a message of ours, and is `internal` otherwise; its `canceled` is `unavailable`, as our own caller
 * did not cancel. Anything else is `internal` and says nothing.
 */
export function answerFor(thrown: unknown, interruption: ConnectError | undefined): Answer {
  if (interruption !== undefined) {
    return { error: interruption, surprise: surpriseOf(thrown, interruption) };
  }
  if (!(thrown instanceof ConnectError)) {
    return { error: internal(thrown), surprise: "unexpected" };
  }
  if (onwardFailure(thrown) === undefined) {
    return { error: encodable(thrown), surprise: undefined };
  }
  switch (thrown.code) {
    case Code.Canceled:
    case Code.Unavailable:
      return onward("a service that this one calls is unavailable", Code.Unavailable, thrown);
    case Code.DeadlineExceeded:
      return onward("a service that this one calls did not answer in time", Code.DeadlineExceeded, thrown);
    case Code.ResourceExhausted:
      return onward("a service that this one calls has no capacity left", Code.ResourceExhausted, thrown);
    default:
      return { error: internal(thrown), surprise: "onward" };
  }
}

/**
 * What the log has to say of what a handler threw after its call was cut short: what is something else than what that itself
 * leads to, and where the time of the onward call went that the deadline has cut short.
 */
function surpriseOf(thrown: unknown, interruption: ConnectError): Answer["surprise"] {
  if (!(thrown instanceof ConnectError)) {
    return isAbort(thrown) || isLostPeer(thrown) ? undefined : "unexpected";
  }
  const hasStory = onwardFailure(thrown)?.story !== undefined;
  return hasStory && interruption.code === Code.DeadlineExceeded ? "onward" : undefined;
}

function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && (thrown.name === "AbortError" || thrown.name === "TimeoutError");
}

/** What streams fail with when their peer goes away. */
export function isLostPeer(thrown: unknown): boolean {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return code === "ECONNRESET" || code === "EPIPE" || code === "ERR_STREAM_PREMATURE_CLOSE";
}

/** The same error with a message that has a form in UTF-8: Connect's encoders throw at a text that ends within a character. */
function encodable(error: ConnectError): ConnectError {
  if (error.rawMessage.isWellFormed()) {
    return error;
  }
  const copy = new ConnectError(error.rawMessage.toWellFormed(), error.code, error.metadata, undefined, error.cause);
  copy.details = error.details;
  return copy;
}

function onward(message: string, code: Code, cause: ConnectError): Answer {
  return { error: new ConnectError(message, code, undefined, undefined, cause), surprise: "onward" };
}

function internal(cause: unknown): ConnectError {
  return new ConnectError("internal error", Code.Internal, undefined, undefined, cause);
}
