// Over 300 lines: what each frame does to the streams and the connection, a few lines each.
import { LEAST_DATA_BYTES } from "./abuse.ts";
import type { ConnectionCore } from "./connection-core.ts";
import { ConnectionError, ErrorCode, errorCodeName } from "./error-code.ts";
import { Flag, FrameType, PRIORITY_BYTES, readUint31, readUint32 } from "./frame.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";
import { type HeaderBlock, HeaderBlocks } from "./header-blocks.ts";
import { Malformed } from "./malformed.ts";
import { applySettings, DEFAULT_SETTINGS, headerTableSizes } from "./settings.ts";
import { Stream, type StreamCarrier } from "./stream.ts";

/** Streams that are reset before this age count against their peer; a little less than the clock's step. */
const YOUNG_MS = 900;

/** What the peer's frames do (RFC 9113, 5 and 6). A fault of the peer's ends a stream, or is thrown as a ConnectionError. */
export class PeerFrames implements FrameSink {
  readonly #core: ConnectionCore;
  readonly #carrier: StreamCarrier;
  readonly #reader: FrameReader;
  /** The stream of the DATA frame that is being read; undefined where its bytes are dropped. */
  #dataStream: Stream | undefined;
  /** It ends its stream. */
  #isLastFrame = false;
  #hasPeerSettings = false;

  constructor(core: ConnectionCore, carrier: StreamCarrier) {
    this.#core = core;
    this.#carrier = carrier;
    this.#reader = new FrameReader(this, core.isServer, DEFAULT_SETTINGS.maxFrameBytes);
  }

  /** Nothing more is read. */
  get isOver(): boolean {
    return this.#core.life.isOver;
  }

  /** @throws ConnectionError */
  receive(chunk: Buffer): void {
    this.#reader.receive(chunk);
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    this.#expect(type, flags, streamId);
    switch (type) {
      case FrameType.HEADERS:
        this.#onHeaders(flags, streamId, bytes, from, to);
        return;
      case FrameType.CONTINUATION: {
        if (from === to) {
          this.#core.guard.onControlFrame();
        }
        const block = this.#core.blocks.onContinuation(flags, streamId, bytes, from, to);
        if (block !== undefined) {
          this.#onBlock(block, this.#core.blocks.flags, streamId);
        }
        return;
      }
      case FrameType.RST_STREAM:
        this.#onReset(streamId, readUint32(bytes, from));
        return;
      case FrameType.WINDOW_UPDATE:
        this.#onWindowUpdate(streamId, readUint31(bytes, from));
        return;
      case FrameType.SETTINGS:
        this.#onSettings(flags, bytes, from, to);
        return;
      case FrameType.PING:
        this.#onPing(flags, bytes, from);
        return;
      case FrameType.GOAWAY:
        this.#onGoAway(readUint31(bytes, from), readUint32(bytes, from + 4), bytes.toString("latin1", from + 8, to));
        return;
      case FrameType.PRIORITY:
        this.#onPriority(streamId, bytes, from, to);
        return;
      case FrameType.PUSH_PROMISE:
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE, though push is not enabled"); // 8.4
      default:
        this.#core.guard.onControlFrame();
    }
  }

  /** What may not come now (RFC 9113, 3.4 and 6.10). */
  #expect(type: number, flags: number, streamId: number): void {
    if (!this.#hasPeerSettings) {
      if (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0) {
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS");
      }
      this.#hasPeerSettings = true;
    }
    const { streamUnderWay } = this.#core.blocks;
    if (streamUnderWay !== 0 && (type !== FrameType.CONTINUATION || streamId !== streamUnderWay)) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a frame stands between HEADERS and CONTINUATION");
    }
  }

  #onHeaders(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    const dependency = HeaderBlocks.dependency(flags, bytes, from, to);
    const block = this.#core.blocks.onHeaders(flags, streamId, bytes, from, to);
    if (from === to) {
      this.#core.guard.onControlFrame();
    }
    if (dependency === streamId) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a stream depends on itself"); // 5.3.1 of RFC 7540
    }
    if (block !== undefined) {
      this.#onBlock(block, flags, streamId);
    }
  }

  #onBlock(block: HeaderBlock, flags: number, streamId: number): void {
    const endStream = (flags & Flag.END_STREAM) !== 0;
    const stream = this.#core.streams.get(streamId);
    if (stream !== undefined) {
      if (stream.isRemoteEnded) {
        this.#core.streamFault(streamId, ErrorCode.STREAM_CLOSED, "HEADERS behind the end of the stream");
      } else if (!this.#core.isServer && block.isTooLarge) {
        // What a response says with only some of its fields may be the opposite of what it says.
        this.#core.resetHere(stream, ErrorCode.ENHANCE_YOUR_CALM, "the response's header list is larger than is taken");
      } else if (this.#core.isServer || stream.hasHead) {
        this.#onTrailers(stream, block, endStream);
      } else {
        this.#onResponse(stream, block, endStream);
      }
    } else if (this.#core.isServer && streamId % 2 === 1 && streamId > this.#core.streams.lastOfPeer) {
      this.#onRequest(block, endStream, streamId);
    } else if (this.#core.isIdle(streamId)) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream that the peer may not open"); // 5.1.1
    } else if (!this.#core.streams.wasResetHere(streamId)) {
      throw new ConnectionError(ErrorCode.STREAM_CLOSED, "HEADERS on a stream that is closed"); // 5.1
    } else if (endStream) {
      this.#core.lateResets.settle(streamId);
    }
  }

  #onRequest(block: HeaderBlock, endStream: boolean, streamId: number): void {
    if (streamId > this.#core.life.finalStreamId) {
      return; // the peer knows that it is not processed (6.8)
    }
    this.#core.streams.lastOfPeer = streamId;
    if (this.#core.streams.size >= this.#core.options.maxConcurrentStreams) {
      this.#refuse(streamId);
      return;
    }
    const head = block.asRequest();
    if (head instanceof Malformed) {
      this.#core.streamFault(streamId, ErrorCode.PROTOCOL_ERROR, head.reason);
      return;
    }
    const { initialWindowBytes } = this.#core.peerSettings;
    const receiveBytes = this.#core.ownSettings.current.initialWindowBytes;
    const stream = new Stream(
      this.#carrier,
      streamId,
      head,
      block.isTooLarge,
      false,
      initialWindowBytes,
      receiveBytes,
      this.#core.life.now,
    );
    this.#core.streams.add(stream);
    stream.isRemoteEnded = endStream;
    if (endStream && (head.contentLength ?? 0) !== 0) {
      this.#core.streamFault(streamId, ErrorCode.PROTOCOL_ERROR, "the body is shorter than content-length");
      return; // 8.1.1
    }
    stream.listener = this.#core.listener.onStream(stream);
    if (endStream && !stream.isClosed) {
      stream.listener.onEnd();
    }
  }

  #refuse(streamId: number): void {
    if (this.#core.ownSettings.areUnknown) {
      this.#core.rejectUnopened(streamId, ErrorCode.REFUSED_STREAM); // the peer cannot have known better (5.1.2)
    } else {
      this.#core.streamFault(streamId, ErrorCode.REFUSED_STREAM, "more streams than SETTINGS_MAX_CONCURRENT_STREAMS");
    }
  }

  #onResponse(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    const head = block.asResponse();
    if (head instanceof Malformed) {
      this.#core.streamFault(stream.id, ErrorCode.PROTOCOL_ERROR, head.reason);
      return;
    }
    if (head.status < 200) {
      if (endStream) {
        this.#core.streamFault(stream.id, ErrorCode.PROTOCOL_ERROR, "an interim response ends the stream"); // 8.1
      } else {
        stream.listener.onInformation(head);
      }
      return;
    }
    stream.hasHead = true;
    const hasNoBody = stream.isHeadRequest || head.status === 204 || head.status === 304; // RFC 9110, 6.4.1
    stream.declaredBytes = hasNoBody ? 0 : head.contentLength;
    stream.listener.onHead(head);
    if (endStream) {
      this.#endRemote(stream);
    }
  }

  #onTrailers(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    const problem = block.trailersProblem();
    if (problem !== undefined || !endStream) {
      const reason = problem?.reason ?? "trailers do not end the stream";
      this.#core.streamFault(stream.id, ErrorCode.PROTOCOL_ERROR, reason);
      return; // 8.1
    }
    if (block.isTooLarge) {
      this.#core.resetHere(stream, ErrorCode.ENHANCE_YOUR_CALM, "the trailers are larger than is taken");
      return;
    }
    if (this.#isWhole(stream)) {
      stream.listener.onTrailers(block.fields);
      this.#endRemote(stream);
    }
  }

  /** Whether the body is as long as its head says; its stream is at fault otherwise (8.1.1). */
  #isWhole(stream: Stream): boolean {
    const isWhole = stream.declaredBytes === undefined || stream.declaredBytes === stream.receivedBytes;
    if (!isWhole) {
      this.#core.streamFault(stream.id, ErrorCode.PROTOCOL_ERROR, "the body is shorter than content-length");
    }
    return isWhole;
  }

  #endRemote(stream: Stream): void {
    if (stream.isClosed || !this.#isWhole(stream)) {
      return;
    }
    stream.isRemoteEnded = true;
    if (!stream.isLocalEnded) {
      stream.listener.onEnd();
      return;
    }
    if (!this.#core.isServer) {
      stream.listener.onEnd();
    }
    this.#core.close(stream, undefined);
  }

  onDataBegin(flags: number, streamId: number, length: number): void {
    this.#expect(FrameType.DATA, flags, streamId);
    if (!this.#core.inflow.receive(length)) {
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection's window"); // 6.9.1
    }
    if (this.#core.isServer && length < LEAST_DATA_BYTES && (flags & Flag.END_STREAM) === 0) {
      this.#core.guard.onControlFrame(); // a server's answers may well be written so
    } else {
      this.#core.guard.onDataReceived(length);
    }
    if (this.#core.inflow.shouldProbe(length)) {
      this.#core.pings.send("bandwidth", this.#core.life.now);
      this.#core.onOutput();
    }
    const stream = this.#core.streams.get(streamId);
    this.#dataStream = stream;
    this.#isLastFrame = (flags & Flag.END_STREAM) !== 0;
    if (stream === undefined) {
      this.#core.inflow.consumedOnConnection(length);
      if (this.#isLastFrame) {
        this.#core.lateResets.settle(streamId);
      }
      if (this.#core.isIdle(streamId)) {
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "DATA on a stream that was never opened"); // 5.1
      }
      if (streamId <= this.#core.life.finalStreamId && !this.#core.streams.wasResetHere(streamId)) {
        this.#core.streamFault(streamId, ErrorCode.STREAM_CLOSED, "DATA on a stream that is closed");
      }
      return;
    }
    stream.hasMoved = true;
    const isGranted = stream.receiveWindow.receive(length);
    if (stream.isRemoteEnded) {
      this.#core.streamFault(streamId, ErrorCode.STREAM_CLOSED, "DATA behind the end of the stream");
    } else if (!isGranted) {
      this.#core.streamFault(streamId, ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the stream's window");
    } else if (!this.#core.isServer && !stream.hasHead) {
      this.#core.streamFault(streamId, ErrorCode.PROTOCOL_ERROR, "DATA before a response's head"); // 8.1
    }
  }

  onDataBytes(bytes: Buffer, from: number, to: number, isLast: boolean): void {
    const stream = this.#dataStream;
    if (stream === undefined || stream.isClosed) {
      return;
    }
    stream.receivedBytes += to - from;
    if (stream.declaredBytes !== undefined && stream.receivedBytes > stream.declaredBytes) {
      this.#core.streamFault(stream.id, ErrorCode.PROTOCOL_ERROR, "the body is longer than content-length"); // 8.1.1
    } else if (stream.isLocalEnded && this.#core.isServer) {
      this.#core.inflow.consumed(stream, to - from); // answered already: nobody reads it
    } else {
      stream.listener.onData(bytes.subarray(from, to), isLast && this.#isLastFrame);
    }
  }

  onDataEnd(flags: number, overhead: number): void {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    if (stream === undefined || stream.isClosed) {
      return;
    }
    if (overhead > 0) {
      this.#core.inflow.consumed(stream, overhead);
    }
    if ((flags & Flag.END_STREAM) !== 0) {
      this.#endRemote(stream);
    }
  }

  #onReset(streamId: number, code: number): void {
    this.#notIdle(streamId, "RST_STREAM");
    const stream = this.#core.streams.get(streamId);
    // What lasts for a while and is then given up, at its deadline, is no attack: reset at once, it costs the most.
    const isYoung = stream === undefined || this.#core.life.now - stream.openedAt < YOUNG_MS;
    if (this.#core.isServer && isYoung) {
      this.#core.guard.onReset();
    }
    if (stream === undefined) {
      this.#core.lateResets.settle(streamId);
      return;
    }
    const reason = `the peer has reset the stream: ${errorCodeName(code)}`;
    const isUnprocessed = !this.#core.isServer && code === ErrorCode.REFUSED_STREAM;
    this.#core.close(stream, { code, byPeer: true, isUnprocessed, reason });
  }

  #onWindowUpdate(streamId: number, increment: number): void {
    this.#core.guard.onControlFrame();
    if (streamId === 0) {
      if (increment === 0) {
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by nothing"); // 6.9
      }
      if (!this.#core.sender.window.grant(increment)) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is above 2^31-1");
      }
      this.#core.onOutput();
      return;
    }
    this.#notIdle(streamId, "WINDOW_UPDATE");
    const stream = this.#core.streams.get(streamId);
    if (increment === 0) {
      this.#core.streamFault(streamId, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by nothing");
    } else if (stream !== undefined && !stream.sendWindow.grant(increment)) {
      this.#core.streamFault(streamId, ErrorCode.FLOW_CONTROL_ERROR, "the stream's window is above 2^31-1");
    } else if (stream !== undefined) {
      this.#core.sender.onWindow(stream);
    }
  }

  #onSettings(flags: number, bytes: Buffer, from: number, to: number): void {
    if ((flags & Flag.ACK) !== 0) {
      this.#onSettingsAck();
      return;
    }
    this.#core.guard.onControlFrame();
    const previous = this.#core.peerSettings;
    const settings = applySettings(previous, bytes, from, to);
    if (!this.#core.isServer && settings.enablePush && !previous.enablePush) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a server enables push"); // 6.5.2
    }
    this.#core.peerSettings = settings;
    this.#core.sender.peerSettings = settings;
    for (const tableBytes of headerTableSizes(bytes, from, to)) {
      this.#core.sender.peerTableBytes = tableBytes;
    }
    const growth = settings.initialWindowBytes - previous.initialWindowBytes;
    if (growth !== 0) {
      for (const stream of this.#core.streams.values()) {
        if (!stream.sendWindow.grant(growth)) {
          throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window is above 2^31-1"); // 6.9.2
        }
        this.#core.sender.onWindow(stream);
      }
    }
    this.#core.sender.output.settingsAck();
    this.#core.onOutput();
    this.#core.listener.onPeerSettings(settings);
  }

  #onSettingsAck(): void {
    const previous = this.#core.ownSettings.current;
    const settings = this.#core.ownSettings.acknowledge();
    if (settings === undefined) {
      this.#core.guard.onControlFrame();
      return;
    }
    this.#reader.maxFrameBytes = settings.maxFrameBytes;
    this.#core.blocks.tableBytes = settings.headerTableBytes;
    const growth = settings.initialWindowBytes - previous.initialWindowBytes;
    if (growth !== 0) {
      for (const stream of this.#core.streams.values()) {
        stream.receiveWindow.resize(stream.receiveWindow.size + growth);
        this.#core.inflow.renew(stream, 0); // all may be consumed, so that nothing else would open a window that has shut
      }
    }
  }

  #onPing(flags: number, bytes: Buffer, from: number): void {
    if ((flags & Flag.ACK) === 0) {
      this.#core.guard.onControlFrame();
      this.#core.sender.output.ping(true, bytes, from);
      this.#core.onOutput();
      return;
    }
    switch (this.#core.pings.onAck(bytes, from)) {
      case "bandwidth":
        this.#core.inflow.onProbed();
        break;
      case "drain":
        if (this.#core.life.leaving === "announced") {
          this.#core.leaveFinally();
        }
        break;
      case "keepalive":
        break;
      default:
        this.#core.guard.onControlFrame();
    }
  }

  #onGoAway(lastStreamId: number, code: number, debug: string): void {
    this.#core.guard.onControlFrame();
    this.#core.life.peerLeaves = true;
    this.#core.listener.onGoAway(code, debug);
    if (!this.#core.isServer) {
      const reason = `the peer leaves: ${errorCodeName(code)}${debug === "" ? "" : `, ${debug}`}`;
      for (const stream of this.#core.streams.values()) {
        if (stream.id > lastStreamId) {
          this.#core.close(stream, { code: ErrorCode.REFUSED_STREAM, byPeer: true, isUnprocessed: true, reason });
        }
      }
    }
    this.#core.endIfDone();
  }

  /** Validated, and otherwise ignored (RFC 9113, 5.3.2 and 6.3). */
  #onPriority(streamId: number, bytes: Buffer, from: number, to: number): void {
    this.#core.guard.onControlFrame();
    if (to - from !== PRIORITY_BYTES) {
      this.#core.streamFault(streamId, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY has an impossible length");
    } else if (readUint31(bytes, from) === streamId) {
      this.#core.streamFault(streamId, ErrorCode.PROTOCOL_ERROR, "a stream depends on itself");
    }
  }

  #notIdle(streamId: number, name: string): void {
    if (this.#core.isIdle(streamId)) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `${name} on a stream that was never opened`); // 5.1
    }
  }
}
