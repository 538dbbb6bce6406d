import { setTimeout as passed } from "node:timers/promises";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { FaultsService } from "../gen/faults/v1/faults_pb.js";
import type { CallKind } from "../load-plan.ts";
import { expectReports, STREAM_MESSAGES, STREAM_PACE_MS } from "../streams.ts";
import type { CallOptions, Calls } from "./tested-client.ts";

/** Calls by a Transport of Connect's. */
export function transportCalls(transport: Transport): Omit<Calls, keyof AsyncDisposable> {
  const client = createClient(FaultsService, transport);
  const make: Record<CallKind, (options: CallOptions) => Promise<number>> = {
    async idempotent({ timeoutMs, ...task }) {
      return (await client.idempotent(task, { timeoutMs })).id === task.id ? 1 : 0;
    },
    async once({ timeoutMs, ...task }) {
      return (await client.once(task, { timeoutMs })).id === task.id ? 1 : 0;
    },
    async watch({ id, timeoutMs }) {
      let reports = 0;
      for await (const _report of client.watch({ id, count: STREAM_MESSAGES }, { timeoutMs })) reports++;
      return reports;
    },
    async converse({ id, timeoutMs }) {
      let reports = 0;
      for await (const _report of client.converse(paced(id), { timeoutMs })) reports++;
      return reports;
    },
  };
  return {
    call: async (kind, options) => expectReports(kind, await make[kind](options)),
    codeOf: (error) => (error instanceof ConnectError ? snakeCase(Code[error.code]) : undefined),
  };
}

async function* paced(id: number): AsyncIterable<{ readonly id: number }> {
  for (let sent = 0; sent < STREAM_MESSAGES; sent++) {
    if (sent > 0) await passed(STREAM_PACE_MS);
    yield { id };
  }
}

function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z]/g, "_$&").toLowerCase();
}
