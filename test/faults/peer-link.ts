import type { Socket } from "node:net";
import { resetFrame, settingsFrame, windowUpdateFrame } from "../support/frame-server.ts";
import { FLAG, FRAME, type Frame, frame, PREFACE } from "../support/frames.ts";
import { frameSplitter } from "./frame-splitter.ts";

/** SETTINGS (RFC 9113, 6.5.2). */
export const SETTING = { headerTableSize: 1, maxConcurrentStreams: 3, initialWindowSize: 4 } as const;

/** Settings by their identifiers. */
export type Settings = ReadonlyMap<number, number>;

/** What goes on in the place of a frame; undefined for the frame as it is. */
export type Instead = readonly Buffer[] | undefined;

/** Decides on every frame but SETTINGS. */
export interface PeerScript {
  fromClient?(frame: Frame, link: PeerLink): Instead;
  fromServer?(frame: Frame, link: PeerLink): Instead;
}

/** One connection of a client to a scripted peer. */
export interface PeerLink {
  /** Streams that the service has been given, and has not ended. */
  readonly openStreams: ReadonlySet<number>;
  toClient(...frames: readonly Buffer[]): void;
  toServer(...frames: readonly Buffer[]): void;
  /** Changes settings of the service's, as the client sees them. */
  announce(settings: Settings): void;
  /** Keeps a frame from the service, and the client's window as if it had been read. */
  withhold(frame: Frame): Instead;
  /** Resets a stream that the service knows nothing of. */
  reset(stream: number, code: number): void;
  /** Ends the connection in an orderly way. */
  end(): void;
  destroy(): void;
}

interface LinkOptions {
  readonly near: Socket;
  readonly far: Socket;
  /** Settings that the client gets in the place of the service's. */
  readonly settings: () => Settings;
  readonly script: () => PeerScript | undefined;
}

/**
 * Leads frames from one side to the other, as the script lets them. Both sides are told to compress headers without a
 * table, so that a block that is left out breaks none that follows.
 */
export function linkPeers({ near, far, settings, script }: LinkOptions): PeerLink {
  const openStreams = new Set<number>();
  const withheld = new Set<number>();
  /** Whose settings the client is yet to acknowledge, in their order. */
  const unacknowledged: ("service" | "script")[] = [];
  const write = (socket: Socket, frames: readonly Buffer[]) => {
    if (frames.length > 0 && socket.writable) socket.write(Buffer.concat(frames));
  };
  /** What is to follow the service's SETTINGS, which come first (RFC 9113, 3.4). */
  let early: (() => void)[] | undefined = [];
  const afterSettings = (act: () => void) => {
    if (early === undefined) act();
    else early.push(act);
  };
  const link: PeerLink = {
    openStreams,
    toClient: (...frames) => afterSettings(() => write(near, frames)),
    toServer: (...frames) => write(far, frames),
    announce(changed) {
      unacknowledged.push("script");
      write(near, [settingsFrame([...changed])]);
    },
    withhold({ type, stream, payload }) {
      withheld.add(stream);
      if (type === FRAME.data && payload.length > 0) link.toClient(windowUpdateFrame(0, payload.length));
      return [];
    },
    reset(stream, code) {
      withheld.add(stream);
      link.toClient(resetFrame(stream, code));
    },
    end: () => afterSettings(() => near.end()),
    destroy() {
      near.destroy();
      far.destroy();
    },
  };

  function fromClient(received: Frame): readonly Buffer[] {
    const { type, flags, stream } = received;
    if (type === FRAME.settings && stream === 0) {
      if ((flags & FLAG.ack) === 0) return [withSettings(received, NO_TABLE)];
      return unacknowledged.shift() === "service" ? [bytesOf(received)] : [];
    }
    if (stream !== 0 && withheld.has(stream)) return link.withhold(received) ?? [];
    const instead = script()?.fromClient?.(received, link);
    if (instead !== undefined) return instead;
    if (type === FRAME.headers) openStreams.add(stream);
    if (type === FRAME.rstStream) openStreams.delete(stream);
    return [bytesOf(received)];
  }

  function fromServer(received: Frame): readonly Buffer[] {
    const { type, flags, stream } = received;
    if (type === FRAME.settings && (flags & FLAG.ack) === 0) {
      unacknowledged.push("service");
      return [withSettings(received, new Map([...NO_TABLE, ...settings()]))];
    }
    const instead = script()?.fromServer?.(received, link);
    const isLast = type === FRAME.rstStream || (type <= FRAME.headers && (flags & FLAG.endStream) !== 0);
    if (isLast) openStreams.delete(stream);
    return instead ?? [bytesOf(received)];
  }

  let prefaceLeft = PREFACE.length;
  const ofClient = frameSplitter();
  const ofServer = frameSplitter();
  near.on("data", (chunk: Buffer) => {
    const preface = chunk.subarray(0, prefaceLeft);
    prefaceLeft -= preface.length;
    write(far, [preface, ...ofClient(chunk.subarray(preface.length)).flatMap(fromClient)]);
  });
  far.on("data", (chunk: Buffer) => {
    write(near, ofServer(chunk).flatMap(fromServer));
    const acts = early ?? [];
    early = undefined;
    for (const act of acts) act();
  });
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroySoon());
  }
  return link;
}

const NO_TABLE: Settings = new Map([[SETTING.headerTableSize, 0]]);

function bytesOf({ type, flags, stream, payload }: Frame): Buffer {
  return frame(type, flags, stream, payload);
}

/** A frame of SETTINGS with some of them replaced. */
function withSettings({ payload }: Frame, replaced: Settings): Buffer {
  const settings = new Map<number, number>();
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  }
  return settingsFrame([...settings, ...replaced]);
}
