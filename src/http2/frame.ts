import { ConnectionError, ErrorCode } from "./error-code.ts";

// Frames (RFC 9113, 4.1 and 6): a header of nine bytes (length, type, flags, stream), and a payload.

export const FRAME_HEADER_BYTES = 9;

export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

export const Flag = {
  /** SETTINGS, PING. */
  ACK: 0x1,
  /** DATA, HEADERS. */
  END_STREAM: 0x1,
  /** HEADERS, CONTINUATION. */
  END_HEADERS: 0x4,
  /** DATA, HEADERS. */
  PADDED: 0x8,
  /** HEADERS. */
  PRIORITY: 0x20,
} as const;

/** The largest identifier of a stream (RFC 9113, 5.1.1); GOAWAY announces a drain with it (6.8). */
export const MAX_STREAM_ID = 0x7fffffff;

/** The client's connection preface (RFC 9113, 3.4). */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const PING_BYTES = 8;
export const SETTING_BYTES = 6;
export const PRIORITY_BYTES = 5;
const RST_STREAM_BYTES = 4;
const WINDOW_UPDATE_BYTES = 4;
const GOAWAY_LEAST_BYTES = 8;

/**
 * Checks what a frame's header tells by itself: which streams a type may stand on, and how long it is.
 *
 * @throws ConnectionError PROTOCOL_ERROR or FRAME_SIZE_ERROR, as the type's section says
 */
export function checkFrame(type: number, flags: number, streamId: number, length: number): void {
  switch (type) {
    case FrameType.DATA:
    case FrameType.HEADERS:
    case FrameType.PRIORITY: // its wrong length is the stream's error only (6.3)
    case FrameType.PUSH_PROMISE:
    case FrameType.CONTINUATION:
      onStream(streamId);
      break;
    case FrameType.RST_STREAM:
      onStream(streamId);
      sized(length === RST_STREAM_BYTES);
      break;
    case FrameType.SETTINGS:
      onConnection(streamId);
      sized(length % SETTING_BYTES === 0 && ((flags & Flag.ACK) === 0 || length === 0));
      break;
    case FrameType.PING:
      onConnection(streamId);
      sized(length === PING_BYTES);
      break;
    case FrameType.GOAWAY:
      onConnection(streamId);
      sized(length >= GOAWAY_LEAST_BYTES);
      break;
    case FrameType.WINDOW_UPDATE:
      sized(length === WINDOW_UPDATE_BYTES);
      break;
    default: // unknown types are ignored (5.5)
  }
}

function onStream(streamId: number): void {
  if (streamId === 0) {
    throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a frame that belongs to a stream names none");
  }
}

function onConnection(streamId: number): void {
  if (streamId !== 0) {
    throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a frame that belongs to the connection names a stream");
  }
}

function sized(isRight: boolean): void {
  if (!isRight) {
    throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a frame has an impossible length");
  }
}

/** Thirty-one bits of a payload or header; the highest is reserved. */
export function readUint31(bytes: Uint8Array, at: number): number {
  // Inside of the payload: the length has been checked.
  return (
    (((bytes[at] as number) & 0x7f) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return readUint31(bytes, at) + ((bytes[at] as number) & 0x80 ? 0x80000000 : 0);
}
