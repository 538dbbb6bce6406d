import { ConnectError } from "@connectrpc/connect";
import { type Cuttable, type Outcome, reasonOf } from "./call-life.ts";

/** One request of a call, of which interceptors make what they like; the signal that they give cuts it short. */
export class RequestOutcome implements Outcome {
  readonly #signal: AbortSignal;
  readonly #underWay: Cuttable;

  constructor(signal: AbortSignal, underWay: Cuttable) {
    this.#signal = signal;
    this.#underWay = underWay;
    signal.addEventListener("abort", this);
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

  fail(thrown: unknown): ConnectError {
    this.#signal.removeEventListener("abort", this);
    return ConnectError.from(thrown);
  }
}
