import { randomBytes } from "node:crypto";
import { setTimeout as passed } from "node:timers/promises";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { defineService, implement, type PortLimits } from "portico";
import type { FaultsService as Schema, Task } from "./gen/faults/v1/faults_pb.js";
import { FaultsService } from "./gen/faults/v1/faults_pb.js";
import type { CallKind } from "./load-plan.ts";
import { STREAM_PACE_MS } from "./streams.ts";

/** How a replica answers; may change while it runs. */
export interface Temper {
  /** What a unary call takes, in milliseconds. */
  delayMs: number;
  /** What each answer carries, in bytes; at most 16 KiB. */
  fillingBytes: number;
  /** Every call is answered `unavailable`, at once. */
  isFailing: boolean;
}

export const EVEN_TEMPER: Temper = { delayMs: 4, fillingBytes: 0, isFailing: false };

/** Nothing that compression could make small. */
const FILLING = randomBytes(16_384);

/** Told of every call as it begins to run. */
export type OnRun = (kind: CallKind, id: number) => void;

/** A replica: a Portico service as users write it. */
export function backendService(temper: Readonly<Temper>, onRun: OnRun, limits: Partial<PortLimits> = {}) {
  return defineService({
    name: "backend",
    limits,
    routes: () => [implement(FaultsService, methods(temper, onRun))],
  });
}

function methods(temper: Readonly<Temper>, onRun: OnRun): ServiceImpl<typeof Schema> {
  function run(kind: CallKind, id: number): void {
    onRun(kind, id);
    if (temper.isFailing) throw new ConnectError("this replica fails", Code.Unavailable);
  }
  const report = (id: number) => ({ id, filling: FILLING.subarray(0, temper.fillingBytes) });
  async function unary(kind: CallKind, { id, delayMs }: Task, { signal }: HandlerContext) {
    run(kind, id);
    await passed(delayMs || temper.delayMs, undefined, { signal });
    return report(id);
  }
  return {
    idempotent: (task, context) => unary("idempotent", task, context),
    once: (task, context) => unary("once", task, context),
    async *watch({ id, count }, { signal }) {
      run("watch", id);
      for (let made = 0; made < count; made++) {
        if (made > 0) await passed(STREAM_PACE_MS, undefined, { signal });
        yield report(id);
      }
    },
    async *converse(tasks) {
      let isFirst = true;
      for await (const { id } of tasks) {
        if (isFirst) run("converse", id);
        isFirst = false;
        yield report(id);
      }
    },
  };
}
