import { Code, type ConnectError } from "@connectrpc/connect";

/** What a backend is judged by whose call was cut short: a deadline may be its fault, and nothing else that a caller does. */
export function judgedCut(reason: ConnectError): Code {
  return reason.code === Code.DeadlineExceeded ? reason.code : Code.Canceled;
}
