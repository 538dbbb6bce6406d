import { AbuseGuard } from "./abuse.ts";
import { ConnectionError, ErrorCode, type StreamError } from "./error-code.ts";
import { Faults } from "./faults.ts";
import { HeaderBlocks } from "./header-blocks.ts";
import { Inflow } from "./inflow.ts";
import { LateResets } from "./late-resets.ts";
import { Life } from "./life.ts";
import type { ConnectionListener, ConnectionOptions } from "./options.ts";
import { OwnSettings } from "./own-settings.ts";
import { Pings } from "./pings.ts";
import { Sender, type SenderListener } from "./sender.ts";
import { DEFAULT_SETTINGS, type Settings } from "./settings.ts";
import type { Stream } from "./stream.ts";
import { Streams } from "./streams.ts";

/**
 * What a connection consists of, and how its streams and itself end: for {@link Http2Connection}, where the user acts, and
 * {@link PeerFrames}, where the peer does.
 */
export class ConnectionCore implements SenderListener {
  readonly options: ConnectionOptions;
  readonly isServer: boolean;
  readonly listener: ConnectionListener;
  readonly guard = new AbuseGuard();
  readonly blocks: HeaderBlocks;
  readonly sender: Sender;
  readonly streams: Streams;
  readonly pings: Pings;
  readonly inflow: Inflow;
  readonly life: Life;
  readonly ownSettings = new OwnSettings();
  readonly faults = new Faults();
  peerSettings: Settings;
  /** The stream whose first frame is being written: the peer does not know of it. */
  opening: Stream | undefined;
  /** Streams that we have answered while the peer still sends. */
  readonly answeredEarly = new Set<Stream>();
  readonly lateResets = new LateResets();

  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    this.options = options;
    this.listener = listener;
    this.isServer = options.role === "server";
    this.life = new Life(options, options.now, options.random());
    this.blocks = new HeaderBlocks(options.headerListBytes, DEFAULT_SETTINGS.headerTableBytes);
    this.sender = new Sender(this, this.guard, options.outputBytes);
    this.streams = new Streams(this.isServer);
    // No server may enable push (6.5.2); it is what a client's peer has off from the start, so that a change shows.
    this.peerSettings = this.isServer ? DEFAULT_SETTINGS : { ...DEFAULT_SETTINGS, enablePush: false };
    this.pings = new Pings(this.sender.output, options.random);
    this.inflow = new Inflow(options, this.sender.output, () => this.onOutput());
  }

  end(error: ConnectionError | undefined, streamError: StreamError | undefined): void {
    if (this.life.isOver) {
      return;
    }
    this.life.isOver = true;
    for (const stream of this.streams.values()) {
      this.close(stream, streamError);
    }
    this.inflow.end();
    this.listener.onOutput();
    this.listener.onOver(error);
  }

  /**
   * Ends streams whose peer has not moved for the idle time: it takes nothing of an answer that waits, or does not go on
   * with a body whose length it has told. A stream of messages may be silent for as long as it likes.
   */
  endStalled(): void {
    const { now } = this.life;
    for (const stream of this.streams.values()) {
      const waits = stream.pendingBytes > 0 || (stream.declaredBytes !== undefined && !stream.isRemoteEnded);
      if (stream.hasMoved || !waits) {
        stream.hasMoved = false;
        stream.movedAt = now;
      } else if (now - stream.movedAt > this.options.idleMs) {
        this.resetHere(stream, ErrorCode.CANCEL, "its body stood still for too long");
      }
    }
  }

  /** Ends the connection where one side has left, and the last stream has ended. */
  endIfDone(): void {
    const isLeft = this.life.leaving === "final" || this.life.peerLeaves;
    if (isLeft && this.streams.size === 0 && !this.life.isOver) {
      this.resetLate(this.lateResets.takeAll());
      if (this.life.leaving !== "final") {
        this.sender.output.goAway(this.streams.lastOfPeer, ErrorCode.NO_ERROR, "");
      }
      this.end(undefined, undefined);
    }
  }

  /** Tells the peer which of its streams was the last (RFC 9113, 6.8). */
  leaveFinally(): void {
    this.life.leaving = "final";
    this.life.finalStreamId = this.streams.lastOfPeer;
    this.sender.output.goAway(this.life.finalStreamId, ErrorCode.NO_ERROR, "");
    this.onOutput();
    this.endIfDone();
  }

  /** Ends the connection at once, for a reason of our own or the peer's; its streams end with it. */
  fail(error: ConnectionError): void {
    if (this.life.isOver) {
      return;
    }
    this.sender.output.goAway(this.streams.lastOfPeer, error.code, error.message);
    this.end(error, { code: error.code, byPeer: false, isUnprocessed: false, reason: error.message });
  }

  /** Ends a stream by RST_STREAM. */
  resetHere(stream: Stream, code: number, reason: string): void {
    this.streams.rememberReset(stream.id);
    this.sender.output.rstStream(stream.id, code);
    this.onOutput();
    this.close(stream, { code, byPeer: false, isUnprocessed: false, reason });
  }

  /** Has peers stop that still send on streams which were answered. */
  resetLate(streamIds: Iterable<number>): void {
    for (const id of streamIds) {
      this.sender.output.rstStream(id, ErrorCode.NO_ERROR);
      this.onOutput();
    }
  }

  /** A stream is over, in order or by an error; its listener hears of it as the last thing. */
  close(stream: Stream, error: StreamError | undefined): void {
    if (stream.isClosed) {
      return;
    }
    stream.isClosed = true;
    this.streams.remove(stream);
    if (this.answeredEarly.size > 0) {
      this.answeredEarly.delete(stream);
    }
    this.sender.drop(stream);
    if (!this.life.isOver) {
      this.inflow.consumedOnConnection(stream.receiveWindow.unread);
    }
    if (this.streams.size === 0) {
      this.life.becomeIdle();
    }
    if (error === undefined) {
      this.guard.onStreamDone();
    }
    stream.listener.onClose(error);
    this.endIfDone();
  }

  // What the sender tells (SenderListener).

  onOutput(): void {
    if (!this.life.isOver) {
      this.listener.onOutput();
    }
  }

  onLocalEnd(stream: Stream): void {
    if (stream.isRemoteEnded) {
      this.close(stream, undefined);
    } else if (this.isServer) {
      this.answeredEarly.add(stream);
    }
  }

  onUnsendable(stream: Stream, code: number, reason: string): void {
    if (stream === this.opening) {
      // RST_STREAM may not stand on a stream that the peer has never heard of (6.4).
      this.close(stream, { code, byPeer: false, isUnprocessed: false, reason });
      return;
    }
    this.resetHere(stream, code, reason);
  }

  /** Whether a stream was never opened; one of which the peer was told that it is not processed may have been (6.8). */
  isIdle(streamId: number): boolean {
    return streamId <= this.life.finalStreamId && this.streams.isIdle(streamId);
  }

  /** Ends a stream for what the peer did (RFC 9113, 5.4.2); many of them end the connection. */
  streamFault(streamId: number, code: number, reason: string): void {
    if (this.isIdle(streamId)) {
      throw new ConnectionError(code, reason);
    }
    this.faults.count(reason);
    this.guard.onReset();
    const stream = this.streams.get(streamId);
    if (stream !== undefined) {
      this.resetHere(stream, code, reason);
    } else if (!this.streams.wasResetHere(streamId)) {
      this.rejectUnopened(streamId, code);
    }
  }

  /** Resets a stream that we do not have. */
  rejectUnopened(streamId: number, code: number): void {
    this.streams.rememberReset(streamId);
    this.sender.output.rstStream(streamId, code);
    this.onOutput();
  }
}
