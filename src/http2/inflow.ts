import { BandwidthProbe } from "./bandwidth.ts";
import { ReceiveWindow, type WindowBudget } from "./flow-window.ts";
import type { Output } from "./output.ts";
import { DEFAULT_SETTINGS, MAX_WINDOW_BYTES } from "./settings.ts";
import type { Stream } from "./stream.ts";

/** What the windows may be; in bytes. */
export interface InflowLimits {
  readonly connectionWindowBytes: number;
  readonly maxStreamWindowBytes: number;
  readonly windowBudget: WindowBudget;
}

/**
 * What the peer may send, on the connection and on its streams. Grants are renewed for what was consumed; where the
 * windows are what limits, they double, out of a budget that connections share (RFC 9113, 5.2 and 6.9; when to grant is left
 * to the receiver, 5.2.1).
 */
export class Inflow {
  readonly #limits: InflowLimits;
  readonly #output: Output;
  readonly #onOutput: () => void;
  readonly #window = new ReceiveWindow(DEFAULT_SETTINGS.initialWindowBytes);
  readonly #probe = new BandwidthProbe();
  /** What a stream's window becomes with its next renewal, where it is smaller. */
  #streamWindowBytes = DEFAULT_SETTINGS.initialWindowBytes;
  #taken = 0;

  constructor(limits: InflowLimits, output: Output, onOutput: () => void) {
    this.#limits = limits;
    this.#output = output;
    this.#onOutput = onOutput;
  }

  /** What came and was not consumed, in bytes. */
  get unreadBytes(): number {
    return this.#window.unread;
  }

  /** Grants what the connection's window is to be from the start. */
  begin(): void {
    this.#window.size = this.#limits.connectionWindowBytes;
    this.consumedOnConnection(0);
  }

  /** Takes account of a DATA frame; false where the connection's window did not allow it. */
  receive(bytes: number): boolean {
    return this.#window.receive(bytes);
  }

  /** Whether a PING should be sent now, to find out what comes within a round trip. */
  shouldProbe(bytes: number): boolean {
    return (
      this.#streamWindowBytes < this.#limits.maxStreamWindowBytes &&
      this.#probe.received(bytes, this.#streamWindowBytes)
    );
  }

  /** The probe's PING was answered. */
  onProbed(): void {
    const { size } = this.#window;
    const isLimit = this.#probe.answered(this.#streamWindowBytes);
    if (isLimit && size * 2 <= MAX_WINDOW_BYTES && this.#limits.windowBudget.take(size)) {
      this.#taken += size;
      this.#window.size = size * 2;
      this.#streamWindowBytes = Math.min(this.#streamWindowBytes * 2, this.#limits.maxStreamWindowBytes);
      this.consumedOnConnection(0);
    }
  }

  /** Bytes of a stream were consumed. */
  consumed(stream: Stream, bytes: number): void {
    stream.receiveWindow.size = Math.max(stream.receiveWindow.size, this.#streamWindowBytes);
    this.renew(stream, bytes);
    this.consumedOnConnection(bytes);
  }

  /** Grants a stream what is due. */
  renew(stream: Stream, consumedBytes: number): void {
    const grant = stream.receiveWindow.consume(consumedBytes);
    if (grant > 0 && !stream.isRemoteEnded) {
      this.#output.windowUpdate(stream.id, grant);
      this.#onOutput();
    }
  }

  /** Bytes that no stream has any more were consumed. */
  consumedOnConnection(bytes: number): void {
    const grant = this.#window.consume(bytes);
    if (grant > 0) {
      this.#output.windowUpdate(0, grant);
      this.#onOutput();
    }
  }

  /** Gives back what the windows have grown by. */
  end(): void {
    this.#limits.windowBudget.giveBack(this.#taken);
    this.#taken = 0;
  }
}
