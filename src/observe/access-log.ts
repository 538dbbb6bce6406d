import { codeToString } from "@connectrpc/connect/protocol-connect";
import { isConnectQuery } from "../call/connect-query.ts";
import type { Logger } from "../call/logger.ts";
import type { RequestRecord } from "../server/record.ts";
import { redactQuery } from "./secrets.ts";

/** Writes one line a request. */
export function accessLog(log: Logger, secretNames: () => ReadonlySet<string>): (record: RequestRecord) => void {
  return (record) => {
    const { call } = record;
    const fields = {
      ...(call === undefined ? { request_id: record.requestId } : {}), // in a call the logger adds it
      remote_address: record.remoteAddress,
      first_request_line: firstLine(record, secretNames()),
      response_status: record.status,
      response_size: record.responseBytes,
      request_time_frac: Math.round(record.durationMs * 1000) / 1e6,
      ...(call?.protocol === undefined
        ? {}
        : {
            rpc_protocol: call.protocol,
            rpc_code: call.answeredCode === undefined ? "ok" : codeToString(call.answeredCode),
          }),
      ...(record.aborted ? { aborted: true } : {}),
    };
    log.info(fields, `${fields.first_request_line} ${record.status}`);
  };
}

/** The query of an RPC is a message, and never logged, also of one that was refused before anybody took it as one. */
function firstLine(
  { call, method, path, query, httpVersion }: RequestRecord,
  secretNames: ReadonlySet<string>,
): string {
  if (method === "") {
    return "-"; // a request that could not be read
  }
  const isRpc = call?.protocol !== undefined || isConnectQuery(query);
  const shownQuery = query === "" || isRpc ? "" : `?${redactQuery(query, secretNames)}`;
  return `${method} ${path}${shownQuery} HTTP/${httpVersion}`;
}
