/** The reasons for which a stream or a connection ends (RFC 9113, 7). */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(ErrorCode).map(([name, code]) => [code, name]));

/** An error code's name, for people; a code that RFC 9113 does not have is shown as its number. */
export function errorCodeName(code: number): string {
  return NAMES.get(code) ?? `0x${code.toString(16)}`;
}

/** Ends the connection (RFC 9113, 5.4.1): thrown where it is found, sent as GOAWAY where frames are received. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  /** One of {@link ErrorCode}. */
  readonly code: number;

  constructor(code: number, reason: string) {
    // Without a stack, which nobody reads and which costs more than the end of a connection does: its reason says it all.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(reason);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
  }
}

/** Why a stream ended before its time (RFC 9113, 5.4.2). */
export interface StreamError {
  /** One of {@link ErrorCode}, or what else the peer has sent. */
  readonly code: number;
  /** The peer has ended it, or its connection; otherwise it ended here. */
  readonly byPeer: boolean;
  /** The peer cannot have acted on the stream (RFC 9113, 8.7): whoever opened it may open it again elsewhere. */
  readonly isUnprocessed: boolean;
  readonly reason: string;
}
