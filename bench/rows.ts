import type { Load } from "./h2load.ts";

/** A row of the table that compares CPU time under a load. */
export interface LoadRow {
  readonly kind: "load";
  readonly name: string;
  readonly path: string;
  readonly isTls: boolean;
  readonly load: Omit<Load, "bodyFile">;
  /** What every request carries, in bytes. 0: it is a GET. */
  readonly bodyBytes: number;
  /** What the CPU time is divided by: requests, or MiB that requests or answers carry, one each. */
  readonly per: "request" | "MiB";
  /** The most that ours may take, as a part of node:http2's. */
  readonly limit?: { readonly ratio: number; readonly text: string };
}

/** A row of the table of memory. */
export interface MemoryRow {
  readonly kind: "memory";
  readonly name: string;
  readonly connections: number;
  /** Streams that each connection has open, by a request that goes on; 0: it is idle, after one request. */
  readonly streams: number;
  /** The most that ours may take, in KiB for each connection or stream. */
  readonly limit: { readonly kib: number; readonly text: string };
}

export type Row = LoadRow | MemoryRow;

const ECHO = { kind: "load", path: "/echo", bodyBytes: 32, per: "request" } as const;
const NO_MORE_THAN_NODE = { ratio: 1, text: "at most 1" };

/** What is measured, and the limits. */
export const ROWS: readonly Row[] = [
  {
    ...ECHO,
    name: "echo 8x16",
    isTls: false,
    load: { connections: 8, streams: 16 },
    limit: { ratio: 1 / 12, text: "at most 1/12" },
  },
  {
    ...ECHO,
    name: "echo 64x1",
    isTls: false,
    load: { connections: 64, streams: 1 },
    limit: { ratio: 1 / 5, text: "at most 1/5" },
  },
  { ...ECHO, name: "echo 8x16 tls", isTls: true, load: { connections: 8, streams: 16 } },
  {
    kind: "load",
    name: "upload 1 MiB",
    path: "/upload",
    isTls: false,
    load: { connections: 8, streams: 2 },
    bodyBytes: 1024 * 1024,
    per: "MiB",
    limit: NO_MORE_THAN_NODE,
  },
  {
    kind: "load",
    name: "download 1 MiB",
    path: "/download",
    isTls: false,
    load: { connections: 8, streams: 2 },
    bodyBytes: 0,
    per: "MiB",
    limit: NO_MORE_THAN_NODE,
  },
  {
    kind: "memory",
    name: "idle connection",
    connections: 2_000,
    streams: 0,
    limit: { kib: 12, text: "at most 12 KiB" },
  },
  {
    kind: "memory",
    name: "open stream",
    connections: 100,
    streams: 100,
    limit: { kib: 2, text: "at most 2 KiB" },
  },
];
