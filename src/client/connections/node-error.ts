import { Code, ConnectError } from "@connectrpc/connect";

const ABORTED: ReadonlySet<string> = new Set(["ERR_STREAM_DESTROYED", "ERR_STREAM_WRITE_AFTER_END", "ECONNRESET"]);
const UNAVAILABLE: ReadonlySet<string> = new Set(["ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED"]);

/** What a call fails with whose connection has failed, with the codes of connect-node. */
export function connectErrorFromNode(error: Error): ConnectError {
  let code = Code.Internal;
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    const name = "code" in cause ? String(cause.code) : "";
    if (ABORTED.has(name)) {
      code = Code.Aborted;
    } else if (UNAVAILABLE.has(name) && code === Code.Internal) {
      code = Code.Unavailable;
    }
  }
  return new ConnectError(error.message, code, undefined, undefined, error);
}
