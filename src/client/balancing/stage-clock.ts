import type { Waited, WaitingStage } from "../connections/http-request.ts";

/** How long a target has been in which stage: what a call has waited for is the difference between two readings. */
export class StageClock {
  readonly #now: () => number;
  readonly #totals: Record<WaitingStage, number> = { resolving: 0, connecting: 0, "waiting for a stream slot": 0 };
  #stage: WaitingStage = "resolving";
  #since: number;

  /** @param now the time in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  enter(stage: WaitingStage): void {
    if (stage !== this.#stage) {
      this.#advance();
      this.#stage = stage;
    }
  }

  read(): Waited {
    this.#advance();
    return { ...this.#totals };
  }

  #advance(): void {
    const now = this.#now();
    this.#totals[this.#stage] += now - this.#since;
    this.#since = now;
  }
}

/** What was waited for between two readings. */
export function waitedBetween(before: Waited, after: Waited): Waited {
  return {
    resolving: after.resolving - before.resolving,
    connecting: after.connecting - before.connecting,
    "waiting for a stream slot": after["waiting for a stream slot"] - before["waiting for a stream slot"],
  };
}
