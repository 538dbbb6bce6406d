import * as http from "node:http";
import * as http2 from "node:http2";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { createChannel } from "portico/client";
import { Agent, fetch } from "undici";
import { NameService } from "../gen/name/v1/name_pb.js";

/** What a load has done. */
export interface LoadCounts {
  done: number;
  aborted: number;
  /** What neither went well nor was aborted on purpose. */
  readonly failed: string[];
}

/** What a worker has to do with: numbers of its own seed, from 0 to 1, and where to count. */
interface Work {
  readonly url: string;
  readonly random: () => number;
  readonly counts: LoadCounts;
}

/** Codes of calls that were aborted, or given too little time, on purpose. */
const PURPOSE: readonly Code[] = [Code.Canceled, Code.DeadlineExceeded];
const MAX_FAILURES = 20;

/** Starts a mixed load with random aborts: `workers` of each kind. It ends when `signal` aborts, all connections closed. */
export async function load(
  url: string,
  seed: number,
  workers: number,
  signal: AbortSignal,
  callers: keyof typeof KINDS,
): Promise<LoadCounts> {
  const counts: LoadCounts = { done: 0, aborted: 0, failed: [] };
  const kinds = KINDS[callers];
  const running = kinds.flatMap((kind, index) =>
    Array.from({ length: workers }, (_one, worker) =>
      kind({ url, random: randomOf(seed + index * 1000 + worker), counts }, signal),
    ),
  );
  await Promise.all(running);
  return counts;
}

/**
 * Who calls: our own client, and others. They are apart, since of the others some keep memory that nothing gives back:
 * connect-node some kilobytes of every bidirectional stream that is aborted.
 */
const KINDS = { ours: [callChannel], strangers: [callPeers, rest, rawStreams] } as const;

/** Mulberry32: a small generator whose numbers follow from its seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function count({ counts }: Work, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    counts.done++;
  } catch (error) {
    if (isOnPurpose(error)) {
      counts.aborted++;
    } else if (counts.failed.length < MAX_FAILURES) {
      counts.failed.push(String(error));
    }
  }
}

function isOnPurpose(error: unknown): boolean {
  return error instanceof ConnectError
    ? PURPOSE.includes(error.code)
    : error instanceof Error && error.name === "AbortError";
}

/** Calls of every kind by one transport, one after the other, of which some are aborted, and some have no time. */
async function callBy(transport: Transport, work: Work, bidi: boolean): Promise<void> {
  const { random } = work;
  const client = createClient(NameService, transport);
  const name = "a".repeat(1 + Math.floor(random() * 8));
  const controller = new AbortController();
  const timer = random() < 0.15 ? setTimeout(() => controller.abort(), random() * 6) : undefined;
  const options = { signal: controller.signal, timeoutMs: random() < 0.1 ? 1 + Math.floor(random() * 5) : 60_000 };
  await count(work, async () => {
    if (!bidi || random() < 0.7) {
      await client.processName({ name }, options);
      return;
    }
    const messages = Math.floor(random() * 20);
    for await (const _answer of client.processNames(repeat(name, messages), options)) {
      if (random() < 0.02) {
        controller.abort();
      }
    }
  });
  clearTimeout(timer);
}

async function* repeat(name: string, times: number): AsyncIterable<{ readonly name: string }> {
  for (let index = 0; index < times; index++) {
    yield { name };
    await nextTurn();
  }
}

async function callChannel(work: Work, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await using channel = createChannel(work.url);
    for (let calls = 0; calls < 2000 && !signal.aborted; calls++) {
      await callBy(channel, work, true);
    }
  }
}

async function callPeers(work: Work, signal: AbortSignal): Promise<void> {
  const { url } = work;
  // A stream that closes after the abort starts the manager's idle timer, which nobody ends: 15 minutes by default.
  const sessionManager = new Http2SessionManager(url, { idleConnectionTimeoutMs: 500 });
  const agent = new http.Agent({ keepAlive: true });
  const transports = [
    createGrpcTransport({ baseUrl: url, sessionManager }),
    createConnectTransport({ baseUrl: url, httpVersion: "2", sessionManager }),
    createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1", nodeOptions: { agent } }),
    createConnectTransport({ baseUrl: url, httpVersion: "1.1", nodeOptions: { agent } }),
  ];
  for (let calls = 0; !signal.aborted; calls++) {
    const transport = transports[calls % transports.length];
    if (transport !== undefined) {
      await callBy(transport, work, calls % transports.length < 2);
    }
  }
  sessionManager.abort();
  agent.destroy();
}

async function rest(work: Work, signal: AbortSignal): Promise<void> {
  const { random, url } = work;
  const dispatcher = new Agent(); // its own: the one that everybody shares keeps connections for minutes
  while (!signal.aborted) {
    const controller = new AbortController();
    const options = { dispatcher, signal: controller.signal };
    const aborts = random() < 0.2;
    await count(work, async () => {
      const response =
        random() < 0.5
          ? await fetch(`${url}/down?chunks=${Math.floor(random() * 30)}`, options)
          : await fetch(`${url}/up`, { ...options, method: "POST", body: Buffer.alloc(random() * 300_000) });
      if (aborts) {
        controller.abort();
      }
      await response.arrayBuffer();
    });
  }
  await dispatcher.destroy();
}

/** Streams of node:http2's client, that are cancelled at any point, and connections that are cut. */
async function rawStreams(work: Work, signal: AbortSignal): Promise<void> {
  const { random, url } = work;
  while (!signal.aborted) {
    const session = http2.connect(url);
    session.on("error", () => undefined);
    for (let streams = 0; streams < 200 && !signal.aborted && !session.destroyed; streams++) {
      await new Promise<void>((resolve) => {
        const upload = random() < 0.5;
        const path = upload ? "/up" : `/down?chunks=${Math.floor(random() * 20)}`;
        const stream = session.request({ ":method": upload ? "POST" : "GET", ":path": path }, { endStream: !upload });
        stream
          .on("error", () => undefined)
          .on("close", resolve)
          .resume();
        if (upload) {
          stream.write(Buffer.alloc(random() * 100_000));
        }
        if (random() < 0.3) {
          stream.close(http2.constants.NGHTTP2_CANCEL);
          work.counts.aborted++;
        } else {
          work.counts.done++;
          if (upload) {
            stream.end();
          }
        }
      });
    }
    if (random() < 0.5) {
      session.destroy();
    } else {
      session.close();
    }
  }
}
