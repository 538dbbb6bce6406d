import { Flag, FRAME_HEADER_BYTES, FrameType, PREFACE, readUint31 } from "../../src/http2/frame.ts";
import { DEFAULT_SETTINGS } from "../../src/http2/settings.ts";

/** Counts what one side has sent, frame by frame, and what is wrong with it whatever the other side thinks. */
export class WireTally {
  /** DATA, with padding, and what was granted to the other side for the whole connection, in bytes. */
  dataBytes = 0;
  grantedBytes = DEFAULT_SETTINGS.initialWindowBytes;
  goAways: { readonly lastStreamId: number; readonly code: number }[] = [];
  readonly problems: string[] = [];
  #rest = Buffer.alloc(0);
  #prefaceLeft: number;
  #blockUnderWay = 0;
  readonly #ended = new Set<number>();
  readonly #reset = new Set<number>();

  constructor(isClient: boolean) {
    this.#prefaceLeft = isClient ? PREFACE.length : 0;
  }

  /** Whether the last frame is whole. */
  get isWhole(): boolean {
    return this.#rest.length === 0 && this.#blockUnderWay === 0;
  }

  add(bytes: Buffer): void {
    let rest = Buffer.concat([this.#rest, bytes]);
    const preface = Math.min(this.#prefaceLeft, rest.length);
    this.#prefaceLeft -= preface;
    rest = rest.subarray(preface);
    while (rest.length >= FRAME_HEADER_BYTES && rest.length >= FRAME_HEADER_BYTES + rest.readUIntBE(0, 3)) {
      const end = FRAME_HEADER_BYTES + rest.readUIntBE(0, 3);
      this.#frame(rest.readUInt8(3), rest.readUInt8(4), readUint31(rest, 5), rest.subarray(FRAME_HEADER_BYTES, end));
      rest = rest.subarray(end);
    }
    this.#rest = Buffer.from(rest);
  }

  #frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (this.#blockUnderWay !== 0 && (type !== FrameType.CONTINUATION || streamId !== this.#blockUnderWay)) {
      this.problems.push(`type ${type} stands in the header block of stream ${streamId}`);
    }
    const isOfStream = type === FrameType.DATA || type === FrameType.HEADERS;
    if (isOfStream && (this.#ended.has(streamId) || this.#reset.has(streamId))) {
      this.problems.push(`type ${type} behind the end of stream ${streamId}`);
    }
    if (isOfStream && (flags & Flag.END_STREAM) !== 0) {
      this.#ended.add(streamId);
    }
    switch (type) {
      case FrameType.DATA:
        this.dataBytes += payload.length;
        return;
      case FrameType.HEADERS:
      case FrameType.CONTINUATION:
        this.#blockUnderWay = (flags & Flag.END_HEADERS) !== 0 ? 0 : streamId;
        return;
      case FrameType.RST_STREAM:
        if (this.#reset.has(streamId)) {
          this.problems.push(`stream ${streamId} is reset twice`);
        }
        this.#reset.add(streamId);
        return;
      case FrameType.WINDOW_UPDATE:
        if (readUint31(payload, 0) === 0) {
          this.problems.push(`WINDOW_UPDATE by nothing on stream ${streamId}`);
        }
        this.grantedBytes += streamId === 0 ? readUint31(payload, 0) : 0;
        return;
      case FrameType.GOAWAY:
        this.#onGoAway(readUint31(payload, 0), payload.readUInt32BE(4));
    }
  }

  #onGoAway(lastStreamId: number, code: number): void {
    const last = this.goAways.at(-1);
    if (last !== undefined && lastStreamId > last.lastStreamId) {
      this.problems.push(`GOAWAY goes from stream ${last.lastStreamId} up to ${lastStreamId}`); // RFC 9113, 6.8
    }
    this.goAways.push({ lastStreamId, code });
  }
}
