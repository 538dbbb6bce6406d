import type { Contender } from "./contenders.ts";
import type { Limit } from "./limits.ts";
import type { FrameJobName } from "./loads/frame-jobs.ts";
import type { H2load } from "./loads/h2load.ts";
import type { HandshakeKind } from "./loads/handshake-load.ts";

/** What all rows have. */
interface BaseRow {
  /** What `--only` takes a part of. */
  readonly name: string;
  /** What is measured, in a sentence. */
  readonly about: string;
  readonly contenders: readonly Contender[];
  readonly limits: readonly Limit[];
}

/** CPU time of servers under a load. */
export interface ServerRow extends BaseRow {
  readonly kind: "server";
  readonly isTls: boolean;
  readonly load: H2load | FrameLoad | HandshakeLoad;
  readonly request: Request;
  /** What the CPU time is divided by, and how many of it a request is. */
  readonly per: { readonly unit: "call" | "message" | "MiB" | "handshake"; readonly inRequest: number };
}

/** A load by our own client of frames, for what h2load cannot. */
export interface FrameLoad {
  readonly by: "frames";
  readonly job: FrameJobName;
  readonly connections: number;
  readonly streams: number;
}

/** Connections that are there for a handshake and, where the server takes any, one call. */
export interface HandshakeLoad {
  readonly by: "handshakes";
  readonly handshake: HandshakeKind;
  /** How many are under way at a time. */
  readonly connections: number;
}

/** What h2load asks, and what comes back. Our own clients know their requests by themselves. */
export interface Request {
  readonly path: string;
  /** Contenders that echo send the body back in the place of the answer. */
  readonly isEchoed: boolean;
  readonly isHttp1: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty: it is a GET. */
  readonly body: Buffer;
  readonly answer: Buffer;
}

/** CPU time of clients. */
export interface ClientRow extends BaseRow {
  readonly kind: "client";
  readonly inFlight: number;
}

/** How long clients take for calls that all begin at once, where a connection carries few of them. */
export interface BurstRow extends BaseRow {
  readonly kind: "burst";
  readonly calls: number;
}

/** What calls take in clients while they wait for a connection, and how soon they are answered once they may go on. */
export interface WaitingRow extends BaseRow {
  readonly kind: "waiting";
  readonly calls: number;
}

/** CPU time of converting a message to what handlers have, and back. */
export interface ConversionRow extends BaseRow {
  readonly kind: "conversion";
  readonly message: "entry" | "page";
}

/** What RSS grows by. */
export interface MemoryRow extends BaseRow {
  readonly kind: "memory";
  readonly connections: number;
  /** Streams that each connection has open, by a request that goes on; 0: it is idle, after one request. */
  readonly streams: number;
}

/** From the start of a process to the moment in which it can be called. */
export interface StartRow extends BaseRow {
  readonly kind: "start";
}

/** The article's comparison: greeter calls name by one protocol or the other, under ab. */
export interface ArticleRow extends BaseRow {
  readonly kind: "article";
}

export type Row = ServerRow | ClientRow | BurstRow | WaitingRow | ConversionRow | MemoryRow | StartRow | ArticleRow;
