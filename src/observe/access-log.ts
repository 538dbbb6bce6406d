import type { DescMethod } from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import { runInCall } from "../call/current.ts";
import type { RequestRecord } from "../server/record.ts";
import { ACCESS_FIELDS, accessFields, firstRequestLine, rpcCode } from "./access-fields.ts";
import { quoted } from "./json-line.ts";
import type { NamedLogger } from "./logger.ts";

/**
 * Writes one line a request, inside its call or out of it: what the logger makes of {@link accessFields}, put together
 * from parts that mostly are those of the method's last line.
 */
export function accessLog(log: NamedLogger, secretNames: () => ReadonlySet<string>): (record: RequestRecord) => void {
  const { infoJson } = log;
  if (infoJson === undefined) {
    return () => undefined;
  }
  const partsOf = partsByMethod();
  let checked: ReadonlySet<string> | undefined;
  let isOneHidden = false;
  return (record) => {
    const names = secretNames();
    if (names !== checked) {
      checked = names;
      isOneHidden = ACCESS_FIELDS.some((name) => names.has(name)); // a schema may have such fields, and hide them
    }
    if (isOneHidden) {
      logFields(log, record, names);
      return;
    }
    const { call } = record;
    const { line, rpc, end } = partsOf(record, names);
    const id = `,"request_id":${quoted(record.requestId)}`;
    const size = `,"response_size":${jsonNumber(record.responseBytes)},"request_time_frac":${seconds(record.durationMs)}`;
    const { peerIdentity } = record;
    const peer = peerIdentity === undefined ? "" : `,"peer_identity":${quoted(peerIdentity)}`;
    const fields = `,"remote_address":${quoted(record.remoteAddress)}${peer}${line}${size}${rpc}`;
    const aborted = record.aborted ? ',"aborted":true' : "";
    infoJson(call === undefined ? id + fields + aborted + end : fields + aborted + id + end, call);
  };
}

function logFields(log: NamedLogger, record: RequestRecord, secretNames: ReadonlySet<string>): void {
  const fields = accessFields(record, secretNames);
  const write = () => log.info(fields, `${fields.first_request_line} ${record.status}`);
  if (record.call === undefined) {
    write();
  } else {
    runInCall(record.call, write);
  }
}

/** What stays the same from one line of a method to the next, as JSON, and what it is made from. */
interface Parts {
  readonly protocol: string | undefined;
  readonly code: Code | undefined;
  readonly method: string;
  readonly path: string;
  readonly httpVersion: string;
  readonly status: number;
  readonly line: string;
  readonly rpc: string;
  readonly end: string;
}

/** Gives the parts of a record's line, and keeps those of each method's last one; those of what is no RPC it makes anew. */
function partsByMethod(): (record: RequestRecord, secretNames: ReadonlySet<string>) => Parts {
  const kept = new WeakMap<DescMethod, Parts>();
  return (record, secretNames) => {
    const { call } = record;
    const code = call?.answeredCode;
    const protocol = call?.protocol;
    const method = protocol === undefined ? undefined : call?.method;
    if (method === undefined) {
      return makeParts(record, protocol, code, secretNames);
    }
    const known = kept.get(method);
    if (
      known !== undefined &&
      known.protocol === protocol &&
      known.code === code &&
      known.status === record.status &&
      known.path === record.path &&
      known.method === record.method &&
      known.httpVersion === record.httpVersion
    ) {
      return known;
    }
    const parts = makeParts(record, protocol, code, secretNames);
    kept.set(method, parts);
    return parts;
  };
}

function makeParts(
  record: RequestRecord,
  protocol: string | undefined,
  code: Code | undefined,
  secretNames: ReadonlySet<string>,
): Parts {
  const { method, path, httpVersion, status } = record;
  const text = firstRequestLine(record, secretNames);
  return {
    protocol,
    code,
    method,
    path,
    httpVersion,
    status,
    line: `,"first_request_line":${quoted(text)},"response_status":${jsonNumber(status)}`,
    rpc: protocol === undefined ? "" : `,"rpc_protocol":${quoted(protocol)},"rpc_code":${quoted(rpcCode(code))}`,
    end: `,"message":${quoted(`${text} ${status}`)}}\n`,
  };
}

function jsonNumber(value: number): string {
  return Number.isFinite(value) ? `${value}` : "null";
}

const ZEROS = ["", "0", "00", "000", "0000", "00000"];

/** Milliseconds as seconds, to the microsecond: as JSON shows them, without a division's many digits to look for. */
function seconds(durationMs: number): string {
  const us = Math.round(durationMs * 1000);
  if (!(us > 0 && us < 1e6)) {
    return jsonNumber(us / 1e6);
  }
  let left = us;
  let digits = 6;
  while (left % 10 === 0) {
    left /= 10;
    digits--;
  }
  const shown = `${left}`;
  return `0.${ZEROS[digits - shown.length]}${shown}`;
}
