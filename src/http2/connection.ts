// Over 300 lines: all that the user of a connection may do with it.
import { ConnectionCore } from "./connection-core.ts";
import { ConnectionError, ErrorCode, errorCodeName } from "./error-code.ts";
import { MAX_STREAM_ID, PREFACE } from "./frame.ts";
import type { ConnectionListener, ConnectionOptions } from "./options.ts";
import { PeerFrames } from "./peer-frames.ts";
import { DEFAULT_SETTINGS, type Settings } from "./settings.ts";
import { type FieldLines, type Lines, Stream, type StreamCarrier, type StreamListener } from "./stream.ts";

/**
 * One HTTP/2 connection (RFC 9113), server or client, without input or output of its own: bytes go in by
 * {@link receive}, what happens goes to listeners, and bytes come out by {@link takeOutput}. Time comes in by
 * {@link tick}.
 */
export class Http2Connection implements StreamCarrier {
  readonly #core: ConnectionCore;
  readonly #peer: PeerFrames;
  #heard = 0;

  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    this.#core = new ConnectionCore(options, listener);
    this.#peer = new PeerFrames(this.#core, this);
    const { isServer, sender, inflow } = this.#core;
    if (!isServer) {
      const preface = sender.output.reserve(PREFACE.length);
      preface.set(PREFACE, sender.output.position);
      sender.output.advance(sender.output.position + PREFACE.length);
    }
    this.changeSettings({
      enablePush: isServer,
      maxConcurrentStreams: isServer ? options.maxConcurrentStreams : DEFAULT_SETTINGS.maxConcurrentStreams,
      maxHeaderListBytes: options.headerListBytes,
    });
    inflow.begin();
  }

  // What the user does.

  /** Streams that are open. */
  get streamCount(): number {
    return this.#core.streams.size;
  }

  /** The streams that are open now. */
  get openStreams(): readonly Stream[] {
    return this.#core.streams.values();
  }

  /** What bodies have waiting for the peer's windows, in bytes. */
  get pendingBytes(): number {
    return this.#core.sender.pendingBytes;
  }

  /** What waits to be taken, in bytes. */
  get outputBytes(): number {
    return this.#core.sender.output.bytes;
  }

  /** More waits than the last {@link takeOutput} gave. */
  get hasMoreOutput(): boolean {
    return this.#core.sender.hasMore || this.#core.sender.output.bytes > 0;
  }

  /** What is held for the peer: bodies that it does not take, frames that wait to be written, and what nobody has read. */
  get heldBytes(): number {
    const { sender, inflow } = this.#core;
    return sender.pendingBytes + sender.output.bytes + inflow.unreadBytes;
  }

  /** Streams with bodies that wait for the peer's windows. */
  get stuckStreams(): number {
    return this.#core.sender.stuckStreams;
  }

  /** Whether the peer grants more than next to nothing for a body on this stream. */
  hasRoomFor(stream: Stream): boolean {
    return this.#core.sender.hasRoomFor(stream);
  }

  /** Counts what came from the peer: while it stays the same the peer was silent. */
  get heard(): number {
    return this.#heard;
  }

  get peerSettings(): Settings {
    return this.#core.peerSettings;
  }

  /** No longer of use: what is sent goes nowhere. */
  get isOver(): boolean {
    return this.#core.life.isOver;
  }

  /** What the peer did wrong, by kind, and how often. */
  get faults(): ReadonlyMap<string, number> {
    return this.#core.faults.counts;
  }

  /** Whether a stream may be opened now, by the peer's limit and the connection's state. */
  get canOpen(): boolean {
    return !this.#core.life.isLeaving && this.#core.streams.size < this.#core.peerSettings.maxConcurrentStreams;
  }

  /** The connection takes no further streams of ours, ever. */
  get isLeaving(): boolean {
    return this.#core.life.isLeaving;
  }

  /**
   * Opens a stream (client).
   *
   * @param more lines behind the fields
   * @returns undefined where {@link canOpen} does not hold
   */
  open(
    fields: FieldLines,
    endStream: boolean,
    listener: StreamListener,
    isHeadRequest = false,
    more?: Lines,
  ): Stream | undefined {
    const id = this.canOpen ? this.#core.streams.nextOwnId() : undefined;
    if (id === undefined) {
      return undefined;
    }
    const { initialWindowBytes } = this.#core.peerSettings;
    const receiveBytes = this.#core.ownSettings.current.initialWindowBytes;
    const stream = new Stream(
      this,
      id,
      undefined,
      false,
      isHeadRequest,
      initialWindowBytes,
      receiveBytes,
      this.#core.life.now,
    );
    stream.listener = listener;
    this.#core.streams.add(stream);
    this.#core.opening = stream;
    this.#core.sender.sendHead(stream, fields, endStream, more);
    this.#core.opening = undefined;
    return stream;
  }

  /** Announces other settings; they hold when the peer has acknowledged them (RFC 9113, 6.5.3). */
  changeSettings(changes: Partial<Settings>): void {
    this.#core.sender.output.settings(this.#core.ownSettings.announce(changes, this.#core.life.now));
    this.#core.onOutput();
  }

  /** Asks the peer whether it is still there; silence ends the connection. `now`: see {@link tick}. */
  ping(now: number): void {
    this.#core.guard.refill(this.#core.life.advance(now)); // time may have stood still for long
    if (!this.#core.life.isOver && this.#core.pings.sentAt("keepalive") === undefined) {
      this.#core.pings.send("keepalive", this.#core.life.now);
      this.#core.onOutput();
    }
  }

  /**
   * Has the peer leave: a GOAWAY that only announces, and the final one a round trip later (RFC 9113, 6.8), so that no
   * request which was on its way is lost. The connection is over when its last stream is.
   */
  leave(): void {
    if (this.#core.life.isOver || this.#core.life.leaving !== "no") {
      return;
    }
    if (!this.#core.isServer) {
      this.#core.life.leaving = "final";
      this.#core.sender.output.goAway(0, ErrorCode.NO_ERROR, "");
      this.#core.onOutput();
      this.#core.endIfDone();
      return;
    }
    this.#core.life.leaving = "announced";
    this.#core.sender.output.goAway(MAX_STREAM_ID, ErrorCode.NO_ERROR, "");
    this.#core.pings.send("drain", this.#core.life.now);
    this.#core.onOutput();
  }

  /** Ends the connection at once, for a reason of our own; its streams end with it. */
  fail(error: ConnectionError): void {
    this.#core.fail(error);
  }

  /** The peer is gone, without a word. */
  lost(reason: string): void {
    this.#core.end(new ConnectionError(ErrorCode.CONNECT_ERROR, reason), {
      code: ErrorCode.CONNECT_ERROR,
      byPeer: true,
      isUnprocessed: false,
      reason,
    });
  }

  /**
   * Lets time pass. To be called about once a second.
   *
   * @param now milliseconds of the clock that {@link ConnectionOptions.now} is of
   * @param isBlocked what was written before waits for the network: a PING would wait behind it
   */
  tick(now: number, isBlocked = false): void {
    if (this.#core.life.isOver) {
      return;
    }
    this.#core.guard.refill(this.#core.life.advance(now));
    this.#core.endStalled();
    this.#core.resetLate(this.#core.lateResets.takeDue());
    const due = this.#core.life.due({
      streams: this.#core.streams.size,
      settingsSentAt: this.#core.ownSettings.announcedAt,
      pingSentAt: this.#core.pings.sentAt("keepalive"),
      drainPingSentAt: this.#core.pings.sentAt("drain"),
      isBlocked,
    });
    switch (due) {
      case "nothing":
        break;
      case "settings-timeout":
        this.fail(new ConnectionError(ErrorCode.SETTINGS_TIMEOUT, "SETTINGS were not acknowledged in time"));
        break;
      case "ping-timeout":
        this.fail(new ConnectionError(ErrorCode.NO_ERROR, "a PING was not answered in time"));
        break;
      case "leave":
        this.leave();
        break;
      case "leave-finally":
        this.#core.leaveFinally();
        break;
      case "ping":
        this.ping(now);
    }
  }

  /** Takes bytes from the peer. A fault of its ends a stream or the connection, never more. */
  receive(chunk: Buffer): void {
    if (this.#core.life.isOver) {
      return;
    }
    this.#core.life.hear();
    this.#heard++;
    try {
      this.#peer.receive(chunk);
    } catch (error) {
      if (!(error instanceof ConnectionError)) {
        throw error;
      }
      this.#core.faults.count(`${errorCodeName(error.code)}: ${error.message}`);
      this.fail(error);
    }
  }

  /** Gives what is to be written, in order: once a turn, after {@link ConnectionListener.onOutput}. */
  takeOutput(): readonly Uint8Array[] {
    this.#core.sender.pump();
    for (const stream of this.#core.answeredEarly) {
      // Answered in whole, and no longer wanted (RFC 9113, 8.1): by now the end of the request would have come with it.
      const { id, declaredBytes, receivedBytes } = stream;
      this.#core.streams.rememberReset(id);
      if (!this.#core.lateResets.add(id, declaredBytes === undefined ? undefined : declaredBytes - receivedBytes)) {
        this.#core.sender.output.rstStream(id, ErrorCode.NO_ERROR);
      }
      this.#core.close(stream, undefined);
    }
    return this.#core.sender.output.take();
  }

  /**
   * Tells that what {@link takeOutput} gave is on its way, as soon as it was handed over.
   *
   * @param isWritten the operating system has it all: its buffers may be used again
   */
  outputTaken(isWritten: boolean): void {
    this.#core.sender.onTaken(isWritten);
  }

  // What streams do (StreamCarrier).

  sendHead(stream: Stream, fields: FieldLines, endStream: boolean, more?: Lines): void {
    this.#core.sender.sendHead(stream, fields, endStream, more);
  }

  sendData(stream: Stream, bytes: Uint8Array, endStream: boolean): boolean {
    return this.#core.sender.sendData(stream, bytes, endStream);
  }

  sendTrailers(stream: Stream, fields: FieldLines): void {
    this.#core.sender.sendTrailers(stream, fields);
  }

  consumed(stream: Stream, bytes: number): void {
    if (stream.isClosed) {
      return; // the connection's window was renewed when the stream closed
    }
    this.#core.inflow.consumed(stream, bytes);
  }

  reset(stream: Stream, code: number): void {
    if (!stream.isClosed) {
      this.#core.resetHere(stream, code, "it was reset here");
    }
  }
}
