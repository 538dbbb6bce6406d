import type { ConnectError } from "@connectrpc/connect";
import type { Clock, Timer } from "../../call/clock.ts";
import { StayAlive } from "../stay-alive.ts";

const stayAlive = new StayAlive();

/** The time that a call waits until its next attempt, which ends early with the channel. It keeps the process alive. */
export class Rest {
  readonly #resting: Set<Rest>;
  readonly #timer: Timer;
  readonly #onEnd: (error: ConnectError | undefined) => void;

  /**
   * @param resting all of the channel
   * @param onEnd called once, unless it is ended before: with an error where nothing may be tried any more
   */
  constructor(resting: Set<Rest>, clock: Clock, ms: number, onEnd: (error: ConnectError | undefined) => void) {
    this.#resting = resting;
    this.#onEnd = onEnd;
    resting.add(this);
    stayAlive.begin();
    this.#timer = clock.schedule(ms, () => {
      this.end();
      onEnd(undefined);
    });
  }

  /** Nobody waits any more. */
  end(): void {
    if (this.#resting.delete(this)) {
      this.#timer.cancel();
      stayAlive.end();
    }
  }

  fail(error: ConnectError): void {
    this.end();
    this.#onEnd(error);
  }
}
