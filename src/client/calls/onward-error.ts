import { Code, ConnectError } from "@connectrpc/connect";
import { markOnward, onwardFailure } from "../../call/errors.ts";
import type { Story } from "./outcome.ts";

/** A cancellation that no peer has answered: a stream was reset, or a caller gave up. */
export function isCancellation(error: ConnectError): boolean {
  return error.code === Code.Canceled && !isAnswer(error);
}

/** What a cancellation is that nobody on this side asked for: a peer that stops has its streams cancelled. */
export function brokenOff(error: ConnectError, url: string): ConnectError {
  const message = `${new URL(url).origin} has broken the call off: ${error.rawMessage}`;
  return new ConnectError(message, Code.Unavailable, undefined, undefined, error);
}

/**
 * The error that a channel's call fails with: marked as such, with the words for where its time went. What went wrong on
 * this side, or on the way, also has them in its message.
 *
 * @param isOurs it was made here; what a peer has answered, or a caller has aborted with, stays as it is
 * @param thrown what the error was made of
 */
export function onwardError(
  error: ConnectError,
  url: string,
  isOurs: boolean,
  story: Story | undefined,
  thrown: unknown,
): ConnectError {
  if (error.code !== Code.DeadlineExceeded && error.code !== Code.Unavailable) {
    return markOnward(error, { url });
  }
  // An interceptor may pass on what a request of the call has failed with, which has its story.
  const where =
    (thrown instanceof ConnectError ? onwardFailure(thrown)?.story : undefined) ?? story?.(error.rawMessage);
  const isTold = where === undefined || !isOurs || isAnswer(error) || error.rawMessage.includes(where);
  return markOnward(isTold ? error : withStory(error, where), { url, story: where });
}

function isAnswer(error: ConnectError): boolean {
  return "isWireError" in error && error.isWireError === true;
}

function withStory({ rawMessage, code, metadata, cause }: ConnectError, story: string): ConnectError {
  return new ConnectError(`${rawMessage} (${story})`, code, metadata, undefined, cause);
}
