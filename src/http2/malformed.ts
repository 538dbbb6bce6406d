/** A header list that is malformed, or a field that makes it so (RFC 9113, 8.1.1): its stream is a PROTOCOL_ERROR. */
export class Malformed {
  /** A part of a sentence, for the log; of what the peer sent it quotes at most a short name of token characters. */
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}
