import type { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { isConnectQuery } from "../call/connect-query.ts";
import type { RequestRecord } from "../server/record.ts";
import { redactQuery } from "./secrets.ts";

/** The fields of an access line, besides the logger's own. */
export const ACCESS_FIELDS = [
  ...["request_id", "remote_address", "first_request_line", "response_status", "response_size", "request_time_frac"],
  ...["peer_identity", "rpc_protocol", "rpc_code", "aborted"],
] as const;

/** The fields of a request's access line, as the logger takes them: inside a call it adds `request_id` itself. */
export function accessFields(record: RequestRecord, secretNames: ReadonlySet<string>) {
  const { call } = record;
  return {
    ...(call === undefined ? { request_id: record.requestId } : {}),
    remote_address: record.remoteAddress,
    ...(record.peerIdentity === undefined ? {} : { peer_identity: record.peerIdentity }),
    first_request_line: firstRequestLine(record, secretNames),
    response_status: record.status,
    response_size: record.responseBytes,
    request_time_frac: Math.round(record.durationMs * 1000) / 1e6,
    ...(call?.protocol === undefined ? {} : { rpc_protocol: call.protocol, rpc_code: rpcCode(call.answeredCode) }),
    ...(record.aborted ? { aborted: true } : {}),
  };
}

/** An RPC's code, as Connect spells it. */
export function rpcCode(answered: Code | undefined): string {
  return answered === undefined ? "ok" : codeToString(answered);
}

/**
 * A request's first line, with what its query's secret parameters hold hidden. The query of an RPC is a message, and never
 * logged, also of one that was refused before anybody took it as one.
 */
export function firstRequestLine(
  { call, method, path, query, httpVersion }: RequestRecord,
  secretNames: ReadonlySet<string>,
): string {
  if (method === "") {
    return "-"; // a request that could not be read
  }
  const isShown = query !== "" && call?.protocol === undefined && !isConnectQuery(query);
  return `${method} ${path}${isShown ? `?${redactQuery(query, secretNames)}` : ""} HTTP/${httpVersion}`;
}
