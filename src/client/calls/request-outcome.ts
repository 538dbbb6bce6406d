import type { ConnectError } from "@connectrpc/connect";
import type { Clock } from "../../call/clock.ts";
import { type CallLife, type Cuttable, reasonOf } from "./call-life.ts";
import { onwardError } from "./onward-error.ts";
import type { Outcome, Story } from "./outcome.ts";

/** One request of a call, of which interceptors make what they like; the signal that they give cuts it short. */
export class RequestOutcome implements Outcome {
  readonly clock: Clock;
  readonly startedAt: number;
  readonly #life: CallLife;
  readonly #url: string;
  readonly #signal: AbortSignal;
  readonly #underWay: Cuttable;

  constructor(life: CallLife, url: string, signal: AbortSignal, underWay: Cuttable) {
    this.clock = life.clock;
    this.startedAt = life.now();
    this.#life = life;
    this.#url = url;
    this.#signal = signal;
    this.#underWay = underWay;
    signal.addEventListener("abort", this);
  }

  get timeLeftMs(): number | undefined {
    return this.#life.timeLeftMs;
  }

  /** The signal has aborted. */
  handleEvent(): void {
    this.#underWay.cut(reasonOf(this.#signal));
  }

  beginStream(): void {
    // of the call, whose outcome it is
  }

  succeed(): void {
    this.#signal.removeEventListener("abort", this);
  }

  errorOf(thrown: unknown): ConnectError {
    return this.#signal.aborted ? reasonOf(this.#signal) : this.#life.errorOf(thrown);
  }

  fail(thrown: unknown, story?: Story): ConnectError {
    this.#signal.removeEventListener("abort", this);
    return onwardError(this.errorOf(thrown), this.#url, !this.#signal.aborted, story, thrown);
  }
}
