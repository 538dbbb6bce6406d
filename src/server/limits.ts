/** What the port allows; times in milliseconds, sizes in bytes. The contract's defaults. */
export interface PortLimits {
  /** The header list of a request. Default 16 KiB. */
  readonly headerListBytes: number;
  /** Streams under way on an HTTP/2 connection. Default 128. */
  readonly streamsPerConnection: number;
  /** Connections at a time; further ones are closed at once. Default 10,000. */
  readonly connections: number;
  /** From the first byte, or the connection, to the end of a request's head. Default 10 s. */
  readonly requestHeadMs: number;
  /** How long a connection may have nothing under way, or a body may stand still. Default 5 min. */
  readonly idleMs: number;
  /** Silence after which an HTTP/2 peer is sent a ping. Default 30 s. */
  readonly pingAfterMs: number;
  /** What the peer has to answer a ping. Default 10 s. */
  readonly pingTimeoutMs: number;
}

export const DEFAULT_PORT_LIMITS: PortLimits = {
  headerListBytes: 16 * 1024,
  streamsPerConnection: 128,
  connections: 10_000,
  requestHeadMs: 10_000,
  idleMs: 5 * 60_000,
  pingAfterMs: 30_000,
  pingTimeoutMs: 10_000,
};
