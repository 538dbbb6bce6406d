import type { Output } from "./output.ts";

/** What a PING of ours asks (RFC 9113, 6.7). */
export type PingPurpose = "keepalive" | "bandwidth" | "drain";

interface Outstanding {
  readonly purpose: PingPurpose;
  readonly opaque: Buffer;
  readonly sentAt: number;
}

/** The PINGs that we have sent and the peer has not answered. */
export class Pings {
  readonly #output: Output;
  readonly #random: () => number;
  #outstanding: readonly Outstanding[] = [];

  /** @param random numbers from 0 to 1: what a PING carries must not be guessed, or it would be answered ahead */
  constructor(output: Output, random: () => number) {
    this.#output = output;
    this.#random = random;
  }

  send(purpose: PingPurpose, now: number): void {
    const opaque = Buffer.alloc(8);
    opaque.writeUInt32BE(Math.floor(this.#random() * 2 ** 32), 0);
    opaque.writeUInt32BE(Math.floor(this.#random() * 2 ** 32), 4);
    this.#outstanding = [...this.#outstanding, { purpose, opaque, sentAt: now }];
    this.#output.ping(false, opaque, 0);
  }

  /** Takes an answer; undefined where it answers nothing that was asked. */
  onAck(bytes: Buffer, from: number): PingPurpose | undefined {
    const answered = this.#outstanding.find(({ opaque }) => opaque.equals(bytes.subarray(from, from + 8)));
    this.#outstanding = this.#outstanding.filter((ping) => ping !== answered);
    return answered?.purpose;
  }

  /** When the oldest of this purpose was sent; undefined where none is unanswered. */
  sentAt(purpose: PingPurpose): number | undefined {
    return this.#outstanding.find((ping) => ping.purpose === purpose)?.sentAt;
  }
}
