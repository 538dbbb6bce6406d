import type { JsonValue } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, codeToString, errorToJson } from "@connectrpc/connect/protocol-connect";
import { type Exchange, respondJson } from "./exchange.ts";

/** An RFC 9457 problem, as answers over plain HTTP carry it. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  /** The Connect code, such as `invalid_argument`. */
  readonly code: string;
  readonly request_id: string;
  /** The error's details, as Connect writes them in JSON. */
  readonly details?: JsonValue;
}

export const PROBLEM_CONTENT_TYPE = "application/problem+json";

/** The problem that tells of `error`, with the HTTP status that Connect gives its code. */
export function problemFromError(error: ConnectError, requestId: string): Problem {
  const json = errorToJson(error, undefined);
  const details = typeof json === "object" && json !== null && "details" in json ? json["details"] : undefined;
  const code = codeToString(error.code);
  return {
    title: code.replaceAll("_", " "),
    status: codeToHttpStatus(error.code),
    ...(error.rawMessage === "" ? {} : { detail: error.rawMessage }),
    code,
    request_id: requestId,
    ...(details === undefined ? {} : { details }),
  };
}

/** The problem for a plain HTTP status. */
export function problemFromStatus(status: number, detail: string, requestId: string): Problem {
  return { ...problemFromError(new ConnectError(detail, codeFromStatus(status)), requestId), status };
}

/** The code that is nearest to an HTTP status. */
export function codeFromStatus(status: number): Code {
  switch (status) {
    case 400:
    case 413:
    case 422:
    case 431:
      return Code.InvalidArgument;
    case 401:
      return Code.Unauthenticated;
    case 403:
      return Code.PermissionDenied;
    case 404:
      return Code.NotFound;
    case 405:
    case 501:
    case 505:
      return Code.Unimplemented;
    case 408:
    case 504:
      return Code.DeadlineExceeded;
    case 409:
      return Code.Aborted;
    case 429:
      return Code.ResourceExhausted;
    case 502:
    case 503:
      return Code.Unavailable;
    default:
      return status >= 500 ? Code.Internal : Code.Unknown;
  }
}

/** Answers an exchange with a problem. */
export function respondProblem(exchange: Exchange, problem: Problem): Promise<void> {
  return respondJson(exchange, problem.status, problem, PROBLEM_CONTENT_TYPE);
}
