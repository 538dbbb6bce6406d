import { ConnectionError, ErrorCode } from "./error-code.ts";
import { readUint32, SETTING_BYTES } from "./frame.ts";

/** The settings that one side announces, and the other keeps to (RFC 9113, 6.5.2). */
export interface Settings {
  /** SETTINGS_HEADER_TABLE_SIZE: bytes of the dynamic table with which header blocks to the announcer are written. */
  readonly headerTableBytes: number;
  /** SETTINGS_ENABLE_PUSH. */
  readonly enablePush: boolean;
  /** SETTINGS_MAX_CONCURRENT_STREAMS: streams that the announcer lets its peer have open. */
  readonly maxConcurrentStreams: number;
  /** SETTINGS_INITIAL_WINDOW_SIZE: bytes that may be sent to the announcer on a stream at first. */
  readonly initialWindowBytes: number;
  /** SETTINGS_MAX_FRAME_SIZE: bytes of the longest payload that the announcer takes. */
  readonly maxFrameBytes: number;
  /** SETTINGS_MAX_HEADER_LIST_SIZE: bytes of the longest header list that the announcer takes; advisory. */
  readonly maxHeaderListBytes: number;
}

/** What holds before any announcement. */
export const DEFAULT_SETTINGS: Settings = {
  headerTableBytes: 4096,
  enablePush: true,
  maxConcurrentStreams: Number.POSITIVE_INFINITY,
  initialWindowBytes: 65_535,
  maxFrameBytes: 16_384,
  maxHeaderListBytes: Number.POSITIVE_INFINITY,
};

export const MAX_WINDOW_BYTES = 0x7fffffff;
const MAX_FRAME_BYTES = 0xffffff;

const IDENTIFIERS = [
  [0x1, "headerTableBytes"],
  [0x2, "enablePush"],
  [0x3, "maxConcurrentStreams"],
  [0x4, "initialWindowBytes"],
  [0x5, "maxFrameBytes"],
  [0x6, "maxHeaderListBytes"],
] as const;

/**
 * Applies the payload of a SETTINGS frame, `bytes[from, to)`, to `settings`; settings that are not known are ignored,
 * as are those of extended CONNECT and of priorities once their values are checked.
 *
 * @throws ConnectionError where a value is not allowed
 */
export function applySettings(settings: Settings, bytes: Uint8Array, from: number, to: number): Settings {
  const changed = { ...settings };
  for (let at = from; at < to; at += SETTING_BYTES) {
    const value = readUint32(bytes, at + 2);
    // Within the payload, whose length is a multiple of a setting's: checked with the frame.
    switch (((bytes[at] as number) << 8) | (bytes[at + 1] as number)) {
      case 0x1:
        changed.headerTableBytes = value;
        break;
      case 0x2:
        if (value > 1) {
          throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH is neither 0 nor 1");
        }
        changed.enablePush = value === 1;
        break;
      case 0x3:
        changed.maxConcurrentStreams = value;
        break;
      case 0x4:
        if (value > MAX_WINDOW_BYTES) {
          throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE is above 2^31-1");
        }
        changed.initialWindowBytes = value;
        break;
      case 0x5:
        if (value < DEFAULT_SETTINGS.maxFrameBytes || value > MAX_FRAME_BYTES) {
          throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE is not within 2^14 and 2^24-1");
        }
        changed.maxFrameBytes = value;
        break;
      case 0x6:
        changed.maxHeaderListBytes = value;
        break;
      case 0x8: // RFC 8441, 3
      case 0x9: // RFC 9218, 2.1
        if (value > 1) {
          throw new ConnectionError(
            ErrorCode.PROTOCOL_ERROR,
            "SETTINGS_ENABLE_CONNECT_PROTOCOL or SETTINGS_NO_RFC7540_PRIORITIES is neither 0 nor 1",
          );
        }
    }
  }
  return changed;
}

/**
 * Every value of SETTINGS_HEADER_TABLE_SIZE in a payload, in order: where the table shrinks on the way, that has to be
 * answered, though it grows again (RFC 7541, 4.2).
 */
export function headerTableSizes(bytes: Uint8Array, from: number, to: number): readonly number[] {
  const sizes: number[] = [];
  for (let at = from; at < to; at += SETTING_BYTES) {
    if (bytes[at] === 0 && bytes[at + 1] === 0x1) {
      sizes.push(readUint32(bytes, at + 2));
    }
  }
  return sizes;
}

/** Identifier and value of each setting in which `next` differs from `previous`. */
export function settingsThatDiffer(previous: Settings, next: Settings): readonly (readonly [number, number])[] {
  return IDENTIFIERS.filter(([, name]) => next[name] !== previous[name]).map(([identifier, name]) => [
    identifier,
    Math.min(Number(next[name]), 0xffffffff),
  ]);
}
