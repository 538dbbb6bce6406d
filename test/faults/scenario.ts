import type { Backend, ServedCall } from "./backend.ts";
import type { CallerReport, CallRecord } from "./call-record.ts";
import type { Caller } from "./caller-process.ts";
import type { Target, TestedClient } from "./clients/tested-client.ts";
import type { LoadPlan } from "./load-plan.ts";

/** Something that goes wrong while a client calls. */
export interface Scenario {
  readonly name: string;
  /** Why a client is not put through it; undefined where it is. Default: every client is. */
  readonly notFor?: (client: TestedClient) => string | undefined;
  /** Departures from the steady load. */
  readonly plan?: Partial<LoadPlan>;
  /** Whether the fault is there before the first call. Default: calls go well for a while before. */
  readonly isThereFirst?: boolean;
  /** How long the fault lasts, in milliseconds. */
  readonly faultMs: number;
  open(stage: Stage): Promise<Setting>;
}

/** What a scenario is given. */
export interface Stage {
  readonly client: TestedClient;
  readonly caller: Pick<Caller, "setName" | "burst">;
  /** Has something disposed at the end of the run, the last first. */
  use<T extends AsyncDisposable>(resource: T): T;
}

/** What stands around a client in a run. */
export interface Setting {
  readonly target: Target;
  /** Whoever counts the calls that reach it. */
  readonly backends: readonly (Pick<Backend, "served"> & Partial<Pick<Backend, "active">>)[];
  begin(): Promise<void> | void;
  end(): Promise<void> | void;
  /** What did not hold of what this scenario asks beyond what all do, and whether the fault came to pass at all. */
  complaints?(facts: Facts): readonly string[];
  /** Figures of its own, for the table. */
  remarks?(facts: Facts): readonly string[];
}

/** What came of a run. Times are of `nowMs`. */
export interface Facts {
  readonly report: CallerReport;
  readonly calls: readonly CallRecord[];
  readonly served: readonly ServedCall[];
  readonly beganMs: number;
  readonly endedMs: number;
}
