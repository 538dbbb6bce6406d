// Over 300 lines: the rules of frames, streams and the connection's life act on the same state, and each is a few lines.
import { AbuseGuard, LEAST_DATA_BYTES } from "./abuse.ts";
import { BandwidthProbe } from "./bandwidth.ts";
import { ConnectionError, ErrorCode, errorCodeName, type StreamError } from "./error-code.ts";
import { Malformed } from "./fields.ts";
import { ReceiveWindow } from "./flow-window.ts";
import { Flag, FrameType, MAX_STREAM_ID, PREFACE, PRIORITY_BYTES, readUint31, readUint32 } from "./frame.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";
import { type HeaderBlock, HeaderBlocks } from "./header-blocks.ts";
import type { ConnectionListener, ConnectionOptions } from "./options.ts";
import { Pings } from "./pings.ts";
import { Sender, type SenderListener } from "./sender.ts";
import { applySettings, DEFAULT_SETTINGS, type Settings, settingsThatDiffer } from "./settings.ts";
import { type FieldLines, Stream, type StreamCarrier, type StreamListener } from "./stream.ts";
import { Streams } from "./streams.ts";

/** How long the announcement of a drain may take to come back, in milliseconds: then the final GOAWAY goes out anyway. */
const DRAIN_PING_MS = 1000;
/** How many kinds of faults are told apart. */
const MAX_FAULT_KINDS = 20;

/** How far the peer was told to leave (RFC 9113, 6.8). */
type Leaving = "no" | "announced" | "final";

/**
 * One HTTP/2 connection (RFC 9113), server or client, without input or output of its own: bytes go in by
 * {@link receive}, what happens goes to listeners, and bytes come out by {@link takeOutput}. Time comes in by
 * {@link tick}.
 */
export class Http2Connection implements FrameSink, SenderListener, StreamCarrier {
  readonly #options: ConnectionOptions;
  readonly #isServer: boolean;
  readonly #listener: ConnectionListener;
  readonly #guard = new AbuseGuard();
  readonly #reader: FrameReader;
  readonly #blocks: HeaderBlocks;
  readonly #sender: Sender;
  readonly #streams: Streams;
  readonly #pings: Pings;
  readonly #probe = new BandwidthProbe();
  readonly #window: ReceiveWindow;
  /** What a stream's receive window is, or becomes with its next renewal. */
  #streamWindowBytes: number;
  #budgetTaken = 0;
  /** The stream of the DATA frame that is being read; undefined where its bytes are dropped. */
  #dataStream: Stream | undefined;
  /** The stream whose first frame is being written: the peer does not know of it. */
  #opening: Stream | undefined;
  /** Streams that we have answered while the peer still sends. */
  readonly #answeredEarly = new Set<Stream>();

  // Settings: the peer's, ours as they hold, and those that the peer has not acknowledged.
  #peerSettings: Settings;
  #settings: Settings = DEFAULT_SETTINGS;
  #unacknowledged: readonly { readonly settings: Settings; readonly sentAt: number }[] = [];
  #hasPeerSettings = false;

  // Life.
  #now: number;
  readonly #since: number;
  readonly #maxAgeMs: number;
  #heardAt: number;
  #hasHeard = false;
  #idleSince: number;
  #leaving: Leaving = "no";
  #finalStreamId = MAX_STREAM_ID;
  #peerLeaves = false;
  #isOver = false;
  readonly #faults = new Map<string, number>();

  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    this.#options = options;
    this.#listener = listener;
    this.#isServer = options.role === "server";
    this.#now = options.now;
    this.#since = options.now;
    this.#heardAt = options.now;
    this.#idleSince = options.now;
    this.#maxAgeMs = options.maxAgeMs * (0.9 + options.random() * 0.2);
    this.#reader = new FrameReader(this, this.#isServer, DEFAULT_SETTINGS.maxFrameBytes);
    this.#blocks = new HeaderBlocks(options.headerListBytes, DEFAULT_SETTINGS.headerTableBytes);
    this.#sender = new Sender(this, this.#guard, options.outputBytes);
    this.#streams = new Streams(this.#isServer);
    // No server may enable push (6.5.2); it is what a client's peer has off from the start, so that a change shows.
    this.#peerSettings = this.#isServer ? DEFAULT_SETTINGS : { ...DEFAULT_SETTINGS, enablePush: false };
    this.#pings = new Pings(this.#sender.output, options.random);
    this.#window = new ReceiveWindow(DEFAULT_SETTINGS.initialWindowBytes);
    this.#streamWindowBytes = DEFAULT_SETTINGS.initialWindowBytes;
    this.#begin();
  }

  #begin(): void {
    const { output } = this.#sender;
    if (!this.#isServer) {
      const preface = output.reserve(PREFACE.length);
      preface.set(PREFACE, output.position);
      output.advance(output.position + PREFACE.length);
    }
    this.changeSettings({
      enablePush: this.#isServer,
      maxConcurrentStreams: this.#isServer ? this.#options.maxConcurrentStreams : DEFAULT_SETTINGS.maxConcurrentStreams,
      maxHeaderListBytes: this.#options.headerListBytes,
    });
    this.#window.size = this.#options.connectionWindowBytes;
    this.#consumeConnection(0);
  }

  // What the user does.

  /** Streams that are open. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** What bodies have waiting for the peer's windows, in bytes. */
  get pendingBytes(): number {
    return this.#sender.pendingBytes;
  }

  /** What waits to be taken, in bytes. */
  get outputBytes(): number {
    return this.#sender.output.bytes;
  }

  /** More waits than the last {@link takeOutput} gave. */
  get hasMoreOutput(): boolean {
    return this.#sender.hasMore || this.#sender.output.bytes > 0;
  }

  /** The peer has opened no window through which a body could be sent. */
  get isShut(): boolean {
    return this.#sender.isShut;
  }

  get peerSettings(): Settings {
    return this.#peerSettings;
  }

  /** No longer of use: what is sent goes nowhere. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** What the peer did wrong, by kind, and how often. */
  get faults(): ReadonlyMap<string, number> {
    return this.#faults;
  }

  /** Whether a stream may be opened now, by the peer's limit and the connection's state. */
  get canOpen(): boolean {
    return (
      !this.#isOver &&
      !this.#peerLeaves &&
      this.#leaving === "no" &&
      this.#streams.size < this.#peerSettings.maxConcurrentStreams
    );
  }

  /** The connection takes no further streams of ours, ever. */
  get isLeaving(): boolean {
    return this.#isOver || this.#peerLeaves || this.#leaving !== "no";
  }

  /**
   * Opens a stream (client).
   *
   * @returns undefined where {@link canOpen} does not hold
   */
  open(fields: FieldLines, endStream: boolean, listener: StreamListener, isHeadRequest = false): Stream | undefined {
    const id = this.canOpen ? this.#streams.nextOwnId() : undefined;
    if (id === undefined) {
      return undefined;
    }
    const { initialWindowBytes } = this.#peerSettings;
    const receiveBytes = this.#settings.initialWindowBytes;
    const stream = new Stream(this, id, undefined, false, isHeadRequest, initialWindowBytes, receiveBytes);
    stream.listener = listener;
    this.#streams.add(stream);
    this.#opening = stream;
    this.#sender.sendHead(stream, fields, endStream);
    this.#opening = undefined;
    return stream;
  }

  /** Announces other settings; they hold when the peer has acknowledged them (RFC 9113, 6.5.3). */
  changeSettings(changes: Partial<Settings>): void {
    const previous = this.#unacknowledged.at(-1)?.settings ?? this.#settings;
    const settings = { ...previous, ...changes };
    this.#unacknowledged = [...this.#unacknowledged, { settings, sentAt: this.#now }];
    this.#sender.output.settings(settingsThatDiffer(previous, settings));
    this.onOutput();
  }

  /** Asks the peer whether it is still there; silence ends the connection. */
  ping(): void {
    if (!this.#isOver && this.#pings.sentAt("keepalive") === undefined) {
      this.#pings.send("keepalive", this.#now);
      this.onOutput();
    }
  }

  /**
   * Has the peer leave: a GOAWAY that only announces, and the final one a round trip later (RFC 9113, 6.8), so that no
   * request which was on its way is lost. The connection is over when its last stream is.
   */
  leave(): void {
    if (this.#isOver || this.#leaving !== "no") {
      return;
    }
    if (!this.#isServer) {
      this.#leaving = "final";
      this.#sender.output.goAway(0, ErrorCode.NO_ERROR, "");
      this.onOutput();
      this.#endIfDone();
      return;
    }
    this.#leaving = "announced";
    this.#sender.output.goAway(MAX_STREAM_ID, ErrorCode.NO_ERROR, "");
    this.#pings.send("drain", this.#now);
    this.onOutput();
  }

  #leaveFinally(): void {
    this.#leaving = "final";
    this.#finalStreamId = this.#streams.lastOfPeer;
    this.#sender.output.goAway(this.#finalStreamId, ErrorCode.NO_ERROR, "");
    this.onOutput();
    this.#endIfDone();
  }

  /** Ends the connection at once, for a reason of our own or the peer's; its streams end with it. */
  fail(error: ConnectionError): void {
    if (this.#isOver) {
      return;
    }
    this.#sender.output.goAway(this.#streams.lastOfPeer, error.code, error.message);
    this.#end(error, { code: error.code, byPeer: false, isUnprocessed: false, reason: error.message });
  }

  /** The peer is gone, without a word. */
  lost(reason: string): void {
    this.#end(new ConnectionError(ErrorCode.CONNECT_ERROR, reason), {
      code: ErrorCode.CONNECT_ERROR,
      byPeer: true,
      isUnprocessed: false,
      reason,
    });
  }

  #end(error: ConnectionError | undefined, streamError: StreamError | undefined): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#reader.stop();
    for (const stream of this.#streams.values()) {
      this.#close(stream, streamError);
    }
    this.#options.windowBudget.giveBack(this.#budgetTaken);
    this.#listener.onOutput();
    this.#listener.onOver(error);
  }

  #endIfDone(): void {
    const isLeft = this.#leaving === "final" || this.#peerLeaves;
    if (isLeft && this.#streams.size === 0 && !this.#isOver) {
      if (this.#leaving !== "final") {
        this.#sender.output.goAway(this.#streams.lastOfPeer, ErrorCode.NO_ERROR, "");
      }
      this.#end(undefined, undefined);
    }
  }

  /**
   * Lets time pass. To be called about once a second.
   *
   * @param now milliseconds of the clock that {@link ConnectionOptions.now} is of
   */
  tick(now: number): void {
    if (this.#isOver) {
      return;
    }
    this.#guard.refill(now - this.#now);
    this.#now = now;
    if (this.#hasHeard) {
      this.#hasHeard = false;
      this.#heardAt = now;
    }
    const { settingsTimeoutMs, keepaliveMs, keepaliveIdle, pingTimeoutMs, idleMs } = this.#options;
    const unacknowledged = this.#unacknowledged[0];
    const pingedAt = this.#pings.sentAt("keepalive");
    const drainAt = this.#pings.sentAt("drain");
    if (unacknowledged !== undefined && now - unacknowledged.sentAt > settingsTimeoutMs) {
      this.fail(new ConnectionError(ErrorCode.SETTINGS_TIMEOUT, "SETTINGS were not acknowledged in time"));
    } else if (pingedAt !== undefined && now - pingedAt > pingTimeoutMs) {
      this.fail(new ConnectionError(ErrorCode.NO_ERROR, "a PING was not answered in time"));
    } else if (this.#leaving === "announced" && drainAt !== undefined && now - drainAt > DRAIN_PING_MS) {
      this.#leaveFinally();
    } else if (this.#leaving === "no" && this.#isOverdue(now, idleMs)) {
      this.leave();
    } else if (now - this.#heardAt > keepaliveMs && (keepaliveIdle || this.#streams.size > 0)) {
      this.ping();
    }
  }

  #isOverdue(now: number, idleMs: number): boolean {
    return now - this.#since > this.#maxAgeMs || (this.#streams.size === 0 && now - this.#idleSince > idleMs);
  }

  /** Takes bytes from the peer. A fault of its ends a stream or the connection, never more. */
  receive(chunk: Buffer): void {
    if (this.#isOver) {
      return;
    }
    this.#hasHeard = true;
    try {
      this.#reader.receive(chunk);
    } catch (error) {
      if (!(error instanceof ConnectionError)) {
        throw error;
      }
      this.#countFault(`${errorCodeName(error.code)}: ${error.message}`);
      this.fail(error);
    }
  }

  /** Gives what is to be written, in order: once a turn, after {@link ConnectionListener.onOutput}. */
  takeOutput(): readonly Uint8Array[] {
    this.#sender.pump();
    for (const stream of this.#answeredEarly) {
      // Answered in whole, and no longer wanted (RFC 9113, 8.1): by now the end of the request would have come with it.
      this.#streams.rememberReset(stream.id);
      this.#sender.output.rstStream(stream.id, ErrorCode.NO_ERROR);
      this.#close(stream, undefined);
    }
    return this.#sender.output.take();
  }

  /**
   * Tells that what {@link takeOutput} gave is on its way, as soon as it was handed over.
   *
   * @param isWritten the operating system has it all: its buffers may be used again
   */
  outputTaken(isWritten: boolean): void {
    this.#sender.onTaken(isWritten);
  }

  // What streams do (StreamCarrier).

  sendHead(stream: Stream, fields: FieldLines, endStream: boolean): void {
    this.#sender.sendHead(stream, fields, endStream);
  }

  sendData(stream: Stream, bytes: Uint8Array, endStream: boolean): boolean {
    return this.#sender.sendData(stream, bytes, endStream);
  }

  sendTrailers(stream: Stream, fields: FieldLines): void {
    this.#sender.sendTrailers(stream, fields);
  }

  consumed(stream: Stream, bytes: number): void {
    if (stream.isClosed) {
      return; // the connection's window was renewed when the stream closed
    }
    stream.receiveWindow.size = Math.max(stream.receiveWindow.size, this.#streamWindowBytes);
    this.#renew(stream, bytes);
    this.#consumeConnection(bytes);
  }

  #renew(stream: Stream, consumedBytes: number): void {
    const grant = stream.receiveWindow.consume(consumedBytes);
    if (grant > 0 && !stream.isRemoteEnded) {
      this.#sender.output.windowUpdate(stream.id, grant);
      this.onOutput();
    }
  }

  #consumeConnection(bytes: number): void {
    const grant = this.#window.consume(bytes);
    if (grant > 0) {
      this.#sender.output.windowUpdate(0, grant);
      this.onOutput();
    }
  }

  reset(stream: Stream, code: number): void {
    if (!stream.isClosed) {
      this.#resetHere(stream, code, "it was reset here");
    }
  }

  #resetHere(stream: Stream, code: number, reason: string): void {
    this.#streams.rememberReset(stream.id);
    this.#sender.output.rstStream(stream.id, code);
    this.onOutput();
    this.#close(stream, { code, byPeer: false, isUnprocessed: false, reason });
  }

  #close(stream: Stream, error: StreamError | undefined): void {
    if (stream.isClosed) {
      return;
    }
    stream.isClosed = true;
    this.#streams.remove(stream);
    this.#answeredEarly.delete(stream);
    this.#sender.drop(stream);
    if (this.#dataStream === stream) {
      this.#dataStream = undefined;
    }
    if (!this.#isOver) {
      this.#consumeConnection(stream.receiveWindow.unread);
    }
    if (this.#streams.size === 0) {
      this.#idleSince = this.#now;
    }
    if (error === undefined) {
      this.#guard.onStreamDone();
    }
    stream.listener.onClose(error);
    this.#endIfDone();
  }

  // What the sender tells (SenderListener).

  onOutput(): void {
    if (!this.#isOver) {
      this.#listener.onOutput();
    }
  }

  onLocalEnd(stream: Stream): void {
    if (stream.isRemoteEnded) {
      this.#close(stream, undefined);
    } else if (this.#isServer) {
      this.#answeredEarly.add(stream);
    }
  }

  onUnsendable(stream: Stream, code: number, reason: string): void {
    if (stream === this.#opening) {
      // RST_STREAM may not stand on a stream that the peer has never heard of (6.4).
      return this.#close(stream, { code, byPeer: false, isUnprocessed: false, reason });
    }
    this.#resetHere(stream, code, reason);
  }

  // What the peer sends (FrameSink).

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    this.#expect(type, flags, streamId);
    switch (type) {
      case FrameType.HEADERS:
        return this.#onHeaders(flags, streamId, bytes, from, to);
      case FrameType.CONTINUATION: {
        if (from === to) {
          this.#guard.onControlFrame();
        }
        const block = this.#blocks.onContinuation(flags, streamId, bytes, from, to);
        return block === undefined ? undefined : this.#onBlock(block, this.#blocks.flags, streamId);
      }
      case FrameType.RST_STREAM:
        return this.#onReset(streamId, readUint32(bytes, from));
      case FrameType.WINDOW_UPDATE:
        return this.#onWindowUpdate(streamId, readUint31(bytes, from));
      case FrameType.SETTINGS:
        return this.#onSettings(flags, bytes, from, to);
      case FrameType.PING:
        return this.#onPing(flags, bytes, from);
      case FrameType.GOAWAY:
        return this.#onGoAway(
          readUint31(bytes, from),
          readUint32(bytes, from + 4),
          bytes.toString("latin1", from + 8, to),
        );
      case FrameType.PRIORITY:
        return this.#onPriority(streamId, bytes, from, to);
      case FrameType.PUSH_PROMISE:
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE, though push is not enabled"); // 8.4
      default:
        this.#guard.onControlFrame();
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
    const { streamUnderWay } = this.#blocks;
    if (streamUnderWay !== 0 && (type !== FrameType.CONTINUATION || streamId !== streamUnderWay)) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a frame stands between HEADERS and CONTINUATION");
    }
  }

  #onHeaders(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    const dependency = HeaderBlocks.dependency(flags, bytes, from, to);
    const block = this.#blocks.onHeaders(flags, streamId, bytes, from, to);
    if (from === to) {
      this.#guard.onControlFrame();
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
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) {
      if (stream.isRemoteEnded) {
        this.#streamFault(streamId, ErrorCode.STREAM_CLOSED, "HEADERS behind the end of the stream");
      } else if (!this.#isServer && block.isTooLarge) {
        // What a response says with only some of its fields may be the opposite of what it says.
        this.#resetHere(stream, ErrorCode.ENHANCE_YOUR_CALM, "the response's header list is larger than is taken");
      } else if (this.#isServer || stream.hasHead) {
        this.#onTrailers(stream, block, endStream);
      } else {
        this.#onResponse(stream, block, endStream);
      }
    } else if (this.#isServer && streamId % 2 === 1 && streamId > this.#streams.lastOfPeer) {
      this.#onRequest(block, endStream, streamId);
    } else if (this.#isIdle(streamId)) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream that the peer may not open"); // 5.1.1
    } else if (!this.#streams.wasResetHere(streamId)) {
      throw new ConnectionError(ErrorCode.STREAM_CLOSED, "HEADERS on a stream that is closed"); // 5.1
    }
  }

  #onRequest(block: HeaderBlock, endStream: boolean, streamId: number): void {
    if (streamId > this.#finalStreamId) {
      return; // the peer knows that it is not processed (6.8)
    }
    this.#streams.lastOfPeer = streamId;
    if (this.#streams.size >= this.#options.maxConcurrentStreams) {
      return this.#streamFault(streamId, ErrorCode.REFUSED_STREAM, "more streams than SETTINGS_MAX_CONCURRENT_STREAMS");
    }
    const head = block.asRequest();
    if (head instanceof Malformed) {
      return this.#streamFault(streamId, ErrorCode.PROTOCOL_ERROR, head.reason);
    }
    const { initialWindowBytes } = this.#peerSettings;
    const receiveBytes = this.#settings.initialWindowBytes;
    const stream = new Stream(this, streamId, head, block.isTooLarge, false, initialWindowBytes, receiveBytes);
    this.#streams.add(stream);
    stream.isRemoteEnded = endStream;
    if (endStream && (head.contentLength ?? 0) !== 0) {
      return this.#streamFault(streamId, ErrorCode.PROTOCOL_ERROR, "the body is shorter than content-length"); // 8.1.1
    }
    stream.listener = this.#listener.onStream(stream);
    if (endStream && !stream.isClosed) {
      stream.listener.onEnd();
    }
  }

  #onResponse(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    const head = block.asResponse();
    if (head instanceof Malformed) {
      return this.#streamFault(stream.id, ErrorCode.PROTOCOL_ERROR, head.reason);
    }
    if (head.status < 200) {
      return endStream
        ? this.#streamFault(stream.id, ErrorCode.PROTOCOL_ERROR, "an interim response ends the stream") // 8.1
        : stream.listener.onInformation(head);
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
      return this.#streamFault(stream.id, ErrorCode.PROTOCOL_ERROR, reason); // 8.1
    }
    if (!block.isTooLarge) {
      stream.listener.onTrailers(block.fields);
    }
    this.#endRemote(stream);
  }

  #endRemote(stream: Stream): void {
    if (stream.isClosed) {
      return;
    }
    if (stream.declaredBytes !== undefined && stream.declaredBytes !== stream.receivedBytes) {
      return this.#streamFault(stream.id, ErrorCode.PROTOCOL_ERROR, "the body is shorter than content-length"); // 8.1.1
    }
    stream.isRemoteEnded = true;
    if (!stream.isLocalEnded) {
      stream.listener.onEnd();
      return;
    }
    if (!this.#isServer) {
      stream.listener.onEnd();
    }
    this.#close(stream, undefined);
  }

  onDataBegin(flags: number, streamId: number, length: number): void {
    this.#expect(FrameType.DATA, flags, streamId);
    if (!this.#window.receive(length)) {
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection's window"); // 6.9.1
    }
    if (length < LEAST_DATA_BYTES && (flags & Flag.END_STREAM) === 0) {
      this.#guard.onControlFrame();
    } else {
      this.#guard.onDataReceived(length);
    }
    this.#probeBandwidth(length);
    const stream = this.#streams.get(streamId);
    this.#dataStream = stream;
    if (stream === undefined) {
      this.#consumeConnection(length);
      if (this.#isIdle(streamId)) {
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "DATA on a stream that was never opened"); // 5.1
      }
      if (streamId <= this.#finalStreamId && !this.#streams.wasResetHere(streamId)) {
        this.#streamFault(streamId, ErrorCode.STREAM_CLOSED, "DATA on a stream that is closed");
      }
      return;
    }
    const isGranted = stream.receiveWindow.receive(length);
    if (stream.isRemoteEnded) {
      this.#streamFault(streamId, ErrorCode.STREAM_CLOSED, "DATA behind the end of the stream");
    } else if (!isGranted) {
      this.#streamFault(streamId, ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the stream's window");
    } else if (!this.#isServer && !stream.hasHead) {
      this.#streamFault(streamId, ErrorCode.PROTOCOL_ERROR, "DATA before a response's head"); // 8.1
    }
  }

  onDataBytes(bytes: Buffer, from: number, to: number): void {
    const stream = this.#dataStream;
    if (stream === undefined) {
      return;
    }
    stream.receivedBytes += to - from;
    if (stream.declaredBytes !== undefined && stream.receivedBytes > stream.declaredBytes) {
      this.#streamFault(stream.id, ErrorCode.PROTOCOL_ERROR, "the body is longer than content-length"); // 8.1.1
    } else if (stream.isLocalEnded && this.#isServer) {
      this.consumed(stream, to - from); // answered already: nobody reads it
    } else {
      stream.listener.onData(bytes.subarray(from, to));
    }
  }

  onDataEnd(flags: number, overhead: number): void {
    const stream = this.#dataStream;
    if (stream === undefined) {
      return;
    }
    this.#dataStream = undefined;
    if (overhead > 0) {
      this.consumed(stream, overhead);
    }
    if ((flags & Flag.END_STREAM) !== 0) {
      this.#endRemote(stream);
    }
  }

  #probeBandwidth(bytes: number): void {
    const { maxStreamWindowBytes } = this.#options;
    if (this.#streamWindowBytes < maxStreamWindowBytes && this.#probe.received(bytes, this.#streamWindowBytes)) {
      this.#pings.send("bandwidth", this.#now);
      this.onOutput();
    }
  }

  /** Doubles the windows, as far as there is memory for it. */
  #growWindows(): void {
    if (this.#options.windowBudget.take(this.#window.size)) {
      this.#budgetTaken += this.#window.size;
      this.#window.size *= 2;
      this.#streamWindowBytes = Math.min(this.#streamWindowBytes * 2, this.#options.maxStreamWindowBytes);
      this.#consumeConnection(0);
    }
  }

  #onReset(streamId: number, code: number): void {
    this.#notIdle(streamId, "RST_STREAM");
    const stream = this.#streams.get(streamId);
    if (this.#isServer) {
      this.#guard.onReset();
    }
    if (stream === undefined) {
      return;
    }
    const reason = `the peer has reset the stream: ${errorCodeName(code)}`;
    const isUnprocessed = !this.#isServer && code === ErrorCode.REFUSED_STREAM;
    this.#close(stream, { code, byPeer: true, isUnprocessed, reason });
  }

  #onWindowUpdate(streamId: number, increment: number): void {
    this.#guard.onControlFrame();
    if (streamId === 0) {
      if (increment === 0) {
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by nothing"); // 6.9
      }
      if (!this.#sender.window.grant(increment)) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is above 2^31-1");
      }
      return this.onOutput();
    }
    this.#notIdle(streamId, "WINDOW_UPDATE");
    const stream = this.#streams.get(streamId);
    if (increment === 0) {
      this.#streamFault(streamId, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by nothing");
    } else if (stream !== undefined && !stream.sendWindow.grant(increment)) {
      this.#streamFault(streamId, ErrorCode.FLOW_CONTROL_ERROR, "the stream's window is above 2^31-1");
    } else if (stream !== undefined) {
      this.#sender.onWindow(stream);
    }
  }

  #onSettings(flags: number, bytes: Buffer, from: number, to: number): void {
    if ((flags & Flag.ACK) !== 0) {
      return this.#onSettingsAck();
    }
    this.#guard.onControlFrame();
    const previous = this.#peerSettings;
    const settings = applySettings(previous, bytes, from, to);
    if (!this.#isServer && settings.enablePush && !previous.enablePush) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a server enables push"); // 6.5.2
    }
    this.#peerSettings = settings;
    this.#sender.peerSettings = settings;
    const growth = settings.initialWindowBytes - previous.initialWindowBytes;
    if (growth !== 0) {
      for (const stream of this.#streams.values()) {
        if (!stream.sendWindow.grant(growth)) {
          throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window is above 2^31-1"); // 6.9.2
        }
        this.#sender.onWindow(stream);
      }
    }
    this.#sender.output.settingsAck();
    this.onOutput();
    this.#listener.onPeerSettings(settings);
  }

  #onSettingsAck(): void {
    const [acknowledged, ...others] = this.#unacknowledged;
    if (acknowledged === undefined) {
      return this.#guard.onControlFrame();
    }
    const growth = acknowledged.settings.initialWindowBytes - this.#settings.initialWindowBytes;
    this.#unacknowledged = others;
    this.#settings = acknowledged.settings;
    this.#reader.maxFrameBytes = acknowledged.settings.maxFrameBytes;
    this.#blocks.tableBytes = acknowledged.settings.headerTableBytes;
    if (growth !== 0) {
      for (const stream of this.#streams.values()) {
        stream.receiveWindow.resize(stream.receiveWindow.size + growth);
        this.#renew(stream, 0); // all may be consumed, so that nothing else would open a window that has shut
      }
    }
  }

  #onPing(flags: number, bytes: Buffer, from: number): void {
    if ((flags & Flag.ACK) === 0) {
      this.#guard.onControlFrame();
      this.#sender.output.ping(true, bytes, from);
      return this.onOutput();
    }
    switch (this.#pings.onAck(bytes, from)) {
      case "bandwidth":
        return this.#probe.answered(this.#streamWindowBytes) ? this.#growWindows() : undefined;
      case "drain":
        return this.#leaving === "announced" ? this.#leaveFinally() : undefined;
      case "keepalive":
        return undefined;
      default:
        this.#guard.onControlFrame();
    }
  }

  #onGoAway(lastStreamId: number, code: number, debug: string): void {
    this.#guard.onControlFrame();
    this.#peerLeaves = true;
    this.#listener.onGoAway(code, debug);
    if (!this.#isServer) {
      const reason = `the peer leaves: ${errorCodeName(code)}${debug === "" ? "" : `, ${debug}`}`;
      for (const stream of this.#streams.values()) {
        if (stream.id > lastStreamId) {
          this.#close(stream, { code: ErrorCode.REFUSED_STREAM, byPeer: true, isUnprocessed: true, reason });
        }
      }
    }
    this.#endIfDone();
  }

  /** Validated, and otherwise ignored (RFC 9113, 5.3.2 and 6.3). */
  #onPriority(streamId: number, bytes: Buffer, from: number, to: number): void {
    this.#guard.onControlFrame();
    if (to - from !== PRIORITY_BYTES) {
      this.#streamFault(streamId, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY has an impossible length");
    } else if (readUint31(bytes, from) === streamId) {
      this.#streamFault(streamId, ErrorCode.PROTOCOL_ERROR, "a stream depends on itself");
    }
  }

  /** Whether a stream was never opened; one of which the peer was told that it is not processed may have been (6.8). */
  #isIdle(streamId: number): boolean {
    return streamId <= this.#finalStreamId && this.#streams.isIdle(streamId);
  }

  #notIdle(streamId: number, name: string): void {
    if (this.#isIdle(streamId)) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `${name} on a stream that was never opened`); // 5.1
    }
  }

  /** Ends a stream for what the peer did (RFC 9113, 5.4.2); many of them end the connection. */
  #streamFault(streamId: number, code: number, reason: string): void {
    if (this.#isIdle(streamId)) {
      throw new ConnectionError(code, reason);
    }
    this.#countFault(reason);
    this.#guard.onReset();
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) {
      return this.#resetHere(stream, code, reason);
    }
    if (!this.#streams.wasResetHere(streamId)) {
      this.#streams.rememberReset(streamId);
      this.#sender.output.rstStream(streamId, code);
      this.onOutput();
    }
  }

  #countFault(kind: string): void {
    if (this.#faults.size < MAX_FAULT_KINDS || this.#faults.has(kind)) {
      this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
    }
  }
}
