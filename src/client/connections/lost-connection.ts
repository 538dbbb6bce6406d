import { Code, ConnectError } from "@connectrpc/connect";
import { handshakeProblem } from "../../tls/handshake-error.ts";

/** What a call fails with whose connection was lost under it. `why` is the socket's error, or words. */
export function lostConnection(origin: string, why: Error | string): ConnectError {
  return unavailable(`the connection to ${origin} was lost`, why);
}

/** What a connection failed with that could not be made. */
export function notConnected(origin: string, why: Error | string): ConnectError {
  return unavailable(`the connection to ${origin} could not be made`, why);
}

function unavailable(what: string, why: Error | string): ConnectError {
  const cause = typeof why === "string" ? undefined : why;
  const message = `${what}: ${typeof why === "string" ? why : named(why)}`;
  return new ConnectError(message, Code.Unavailable, undefined, undefined, cause);
}

/** What went wrong with TLS, or the operating system's name for it, such as ECONNREFUSED; else what the error says. */
function named(error: Error): string {
  const ofTls = handshakeProblem(error);
  if (ofTls !== undefined) {
    return ofTls;
  }
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return /^E[A-Z0-9]+$/.test(code) ? code : error.message;
}

/** What a call fails with whose connection had no place for it any more. */
export function noPlaceLeft(): ConnectError {
  return new ConnectError("the connection takes no more calls", Code.Unavailable);
}
