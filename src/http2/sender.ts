import type { AbuseGuard } from "./abuse.ts";
import { BlockWriter } from "./block-writer.ts";
import { ErrorCode } from "./error-code.ts";
import { SendWindow } from "./flow-window.ts";
import { Output } from "./output.ts";
import { DEFAULT_SETTINGS, type Settings } from "./settings.ts";
import type { FieldLines, Lines, Stream } from "./stream.ts";

/**
 * What is written in one turn; beyond it bodies wait on their streams, where they can still be dropped, and overtaken by
 * short answers. It doubles while the operating system takes all at once: a few large writes cost half of many small ones.
 */
const LEAST_HIGH_WATER_BYTES = 128 * 1024;
const MOST_HIGH_WATER_BYTES = 1024 * 1024;
/** The longest DATA frame that is sent, whatever the peer takes: other streams have their turn in between. */
const MAX_DATA_BYTES = 64 * 1024;
/** A window below this is no reader's. */
const TINY_WINDOW_BYTES = 1024;
/** What a stream may have waiting before its user is told to wait. */
const STREAM_PENDING_BYTES = 64 * 1024;

/** What the sender tells. */
export interface SenderListener {
  /** Something waits to be written. */
  onOutput(): void;
  /** Our side of a stream has ended: its last frame is in the output. */
  onLocalEnd(stream: Stream): void;
  /** A stream cannot go on. */
  onUnsendable(stream: Stream, code: number, reason: string): void;
}

/** Writes what streams send, as the peer's windows allow, and shares those among the streams frame by frame. */
export class Sender {
  readonly output = new Output();
  readonly window = new SendWindow(DEFAULT_SETTINGS.initialWindowBytes);
  readonly #blocks = new BlockWriter(this.output);
  readonly #guard: AbuseGuard;
  readonly #listener: SenderListener;
  /** What bodies may have waiting on all streams before their users are told to wait. */
  readonly #maxPendingBytes: number;
  /** Bodies that wait, in bytes. */
  pendingBytes = 0;
  #queued = 0;
  /** Streams with something to send, and a window of their own that allows it; served in turn. */
  readonly #ready = new Set<Stream>();
  /** Streams whose users were told to wait. */
  readonly #held = new Set<Stream>();
  #peer: Settings = DEFAULT_SETTINGS;
  #highWaterBytes = LEAST_HIGH_WATER_BYTES;

  constructor(listener: SenderListener, guard: AbuseGuard, maxPendingBytes: number) {
    this.#listener = listener;
    this.#guard = guard;
    this.#maxPendingBytes = maxPendingBytes;
  }

  set peerSettings(settings: Settings) {
    this.#peer = settings;
    this.#blocks.peerSettings = settings;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; each of its values, in order. */
  set peerTableBytes(bytes: number) {
    this.#blocks.peerTableBytes = bytes;
  }

  /** Streams with bodies that wait for the peer's windows. */
  get stuckStreams(): number {
    return this.#queued;
  }

  /** Whether a body on this stream could be sent: the peer grants more than next to nothing. */
  hasRoomFor(stream: Stream): boolean {
    return Math.min(this.window.available, stream.sendWindow.available) >= TINY_WINDOW_BYTES;
  }

  /** More waits than was written at once. */
  get hasMore(): boolean {
    return this.#ready.size > 0 && this.window.available > 0;
  }

  sendHead(stream: Stream, fields: FieldLines, endStream: boolean, more?: Lines): void {
    if (stream.isClosed || stream.isLocalEnded) {
      return;
    }
    const problem = this.#blocks.write(stream.id, fields, endStream, more);
    if (problem !== undefined) {
      this.#listener.onUnsendable(stream, ErrorCode.INTERNAL_ERROR, problem);
    } else if (endStream) {
      this.#endLocal(stream);
    }
    this.#listener.onOutput();
  }

  sendData(stream: Stream, bytes: Uint8Array, endStream: boolean): boolean {
    if (stream.isClosed || stream.isLocalEnded || stream.queue?.endStream) {
      return true;
    }
    const { length } = bytes;
    if (
      stream.queue === undefined &&
      length <= stream.sendWindow.available &&
      length <= this.window.available &&
      length <= this.#peer.maxFrameBytes &&
      this.output.bytes < this.#highWaterBytes
    ) {
      this.#writeData(stream, bytes, endStream);
      this.#guard.onDataSent(length, false);
    } else {
      if (stream.queue === undefined) {
        this.#queued++;
        stream.queue = { pieces: [], endStream: false, trailers: undefined };
      }
      stream.queue.pieces.push(bytes);
      stream.queue.endStream = endStream;
      stream.pendingBytes += length;
      this.pendingBytes += length;
      this.#ready.add(stream);
    }
    this.#listener.onOutput();
    if (!this.#hasRoom(stream)) {
      this.#held.add(stream);
      return false;
    }
    return true;
  }

  sendTrailers(stream: Stream, fields: FieldLines): void {
    if (stream.isClosed || stream.isLocalEnded || stream.queue?.endStream) {
      return;
    }
    if (stream.queue !== undefined) {
      stream.queue.trailers = fields;
      stream.queue.endStream = true;
      return;
    }
    this.sendHead(stream, fields, true);
  }

  /** The stream is over: what it has waiting is dropped. */
  drop(stream: Stream): void {
    this.pendingBytes -= stream.pendingBytes;
    stream.pendingBytes = 0;
    if (stream.queue !== undefined) {
      this.#dequeue(stream);
      this.#ready.delete(stream);
    }
    if (this.#held.size > 0) {
      this.#held.delete(stream);
    }
  }

  /** A stream's window has opened. */
  onWindow(stream: Stream): void {
    if (stream.queue !== undefined) {
      this.#ready.add(stream);
      this.#listener.onOutput();
    }
  }

  /** What was taken of the output was handed over; `isWritten` where the operating system has it all. */
  onTaken(isWritten: boolean): void {
    if (isWritten) {
      this.output.recycle();
      this.#highWaterBytes = this.hasMore
        ? Math.min(this.#highWaterBytes * 2, MOST_HIGH_WATER_BYTES)
        : this.#highWaterBytes;
    } else {
      this.output.forget();
      this.#highWaterBytes = LEAST_HIGH_WATER_BYTES;
    }
  }

  /** Writes of what waits as much as the windows and the output's high-water mark allow. */
  pump(): void {
    let shut: Stream[] | undefined;
    for (const stream of this.#ready) {
      if (this.output.bytes >= this.#highWaterBytes) {
        break;
      }
      this.#ready.delete(stream);
      if (this.#sendOne(stream)) {
        this.#ready.add(stream); // behind the others; the iteration goes on to it
      } else if (stream.queue !== undefined && stream.sendWindow.available > 0) {
        shut ??= []; // by the connection's window; those behind it may have no more to send than their end
        shut.push(stream);
      }
    }
    for (const stream of shut ?? []) {
      this.#ready.add(stream);
    }
    for (const stream of this.#held) {
      if (this.#hasRoom(stream)) {
        this.#held.delete(stream);
        stream.listener.onDrain();
      }
    }
  }

  #hasRoom(stream: Stream): boolean {
    return (
      stream.pendingBytes <= STREAM_PENDING_BYTES &&
      (stream.pendingBytes === 0 || this.pendingBytes <= this.#maxPendingBytes)
    );
  }

  /** Sends one frame of what a stream has waiting; false where nothing is left, or a window is shut. */
  #sendOne(stream: Stream): boolean {
    const { queue } = stream;
    if (queue === undefined) {
      return false;
    }
    const piece = queue.pieces[0];
    if (piece !== undefined) {
      const allowed = Math.max(0, Math.min(stream.sendWindow.available, this.window.available)); // may be negative (6.9.2)
      if (allowed === 0 && piece.length > 0) {
        return false;
      }
      const length = Math.min(piece.length, allowed, this.#peer.maxFrameBytes, MAX_DATA_BYTES);
      const isWhole = length === piece.length;
      if (isWhole) {
        queue.pieces.shift();
      } else {
        queue.pieces[0] = piece.subarray(length);
      }
      stream.pendingBytes -= length;
      this.pendingBytes -= length;
      const isLast = queue.pieces.length === 0;
      if (isLast && queue.trailers === undefined) {
        this.#dequeue(stream);
      }
      this.#writeData(
        stream,
        isWhole ? piece : piece.subarray(0, length),
        isLast && queue.endStream && queue.trailers === undefined,
      );
      this.#guard.onDataSent(length, !isWhole && length === allowed);
      if (!isLast) {
        return true;
      }
    }
    if (queue.trailers !== undefined && !stream.isClosed) {
      this.#dequeue(stream);
      this.sendHead(stream, queue.trailers, true);
    }
    return false;
  }

  #writeData(stream: Stream, bytes: Uint8Array, endStream: boolean): void {
    stream.hasMoved = true;
    stream.sendWindow.available -= bytes.length;
    this.window.available -= bytes.length;
    this.output.data(stream.id, bytes, endStream);
    if (endStream) {
      this.#endLocal(stream);
    }
  }

  #dequeue(stream: Stream): void {
    stream.queue = undefined;
    this.#queued--;
  }

  #endLocal(stream: Stream): void {
    stream.isLocalEnded = true;
    this.#listener.onLocalEnd(stream);
  }
}
