import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorCode, type StreamError } from "../../http2/index.ts";

/** The error of a call whose stream ended before its time while the connection goes on, as gRPC maps HTTP/2's codes. */
export function connectErrorOf(error: StreamError): ConnectError {
  return new ConnectError(error.reason, error.isUnprocessed ? Code.Unavailable : rpcCode(error.code));
}

function rpcCode(code: number): Code {
  switch (code) {
    case ErrorCode.NO_ERROR: // gRPC has internal for it, but nothing went wrong: proxies that leave break calls off so
    case ErrorCode.REFUSED_STREAM:
      return Code.Unavailable;
    case ErrorCode.CANCEL:
      return Code.Canceled;
    case ErrorCode.ENHANCE_YOUR_CALM:
      return Code.ResourceExhausted;
    case ErrorCode.INADEQUATE_SECURITY:
    case ErrorCode.HTTP_1_1_REQUIRED: // not gRPC's, but connect-node's
      return Code.PermissionDenied;
    default:
      return Code.Internal;
  }
}
