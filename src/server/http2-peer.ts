/** The peer of an HTTP/2 connection, by whichever engine. */
export interface Http2Peer {
  /** Lets time pass, about once a second. */
  tick(now: number): void;
  /** Has the peer leave by GOAWAY; requests under way are answered. */
  leave(): void;
  /** Ends the connection at once, as most of what the service holds is for its peer. */
  calmDown(): void;
  /** Ends the connection at once. */
  destroy(): void;
}
