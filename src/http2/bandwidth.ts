/**
 * Finds out whether the receive window holds the peer back, by the bandwidth-delay product: what comes within one round
 * trip of a PING. Needs no clock. When that is most of the window, the window is what limits, and is doubled: the
 * estimate of grpc-go's and Chromium's, as RFC 9113, 5.2.2 leaves it to implementations.
 */
export class BandwidthProbe {
  /** Bytes that came since the last PING, or since the last probe ended. */
  #bytes = 0;
  isProbing = false;

  /** Takes account of DATA; true where a PING should be sent now, since half of the window has come since the last. */
  received(bytes: number, windowBytes: number): boolean {
    this.#bytes += bytes;
    if (this.isProbing || this.#bytes < windowBytes >> 1) {
      return false;
    }
    this.isProbing = true;
    this.#bytes = 0;
    return true;
  }

  /** The PING was answered: true where the window was what limited. */
  answered(windowBytes: number): boolean {
    const isFull = this.#bytes >= (windowBytes / 3) * 2;
    this.isProbing = false;
    this.#bytes = 0;
    return isFull;
  }
}
