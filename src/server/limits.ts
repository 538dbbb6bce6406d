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
  /** What an HTTP/2 connection may have waiting for its peer to read, before who answers has to wait. Default 1 MiB. */
  readonly outputBytes: number;
  /** What the process may hold for all peers, of what they sent and of what they do not read. Default 256 MiB. */
  readonly bufferedBytes: number;
  /** How long a peer may take nothing of what was written. Default 1 min. */
  readonly writeStallMs: number;
  /** Age at which an HTTP/2 peer is told to connect anew, give or take a tenth. Default: none. */
  readonly connectionAgeMs: number;
}

export const DEFAULT_PORT_LIMITS: PortLimits = {
  headerListBytes: 16 * 1024,
  streamsPerConnection: 128,
  connections: 10_000,
  requestHeadMs: 10_000,
  idleMs: 5 * 60_000,
  pingAfterMs: 30_000,
  pingTimeoutMs: 10_000,
  outputBytes: 1024 * 1024,
  bufferedBytes: 256 * 1024 * 1024,
  writeStallMs: 60_000,
  connectionAgeMs: Number.POSITIVE_INFINITY,
};
