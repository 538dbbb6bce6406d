import { AsyncResource } from "node:async_hooks";
import type { Logger } from "portico";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";
import { backoffMs } from "./backoff.ts";
import { type Clock, systemClock, type Timer } from "./clock.ts";
import { EntriesRefusedError, type Store } from "./store.ts";
import { createSummary } from "./summary.ts";

/** Brings entries to a store without anybody waiting for it. */
export interface Recorder extends AsyncDisposable {
  /** Takes an entry. Never waits and never throws: an entry beyond the limit is dropped, and so is one after the end. */
  record(entry: Entry): void;
  stats(): RecorderStats;
  /** Stores what waits, for `closeMs` at most; what is left then is lost, and the log says how many. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Counts from the start on; `recorded` is always the sum of the three others. */
export interface RecorderStats {
  readonly recorded: number;
  readonly stored: number;
  /** Too many at once, refused by the store for ever, or lost at the end. */
  readonly dropped: number;
  /** Not stored yet, those under way included. */
  readonly waiting: number;
}

export interface RecorderOptions {
  readonly log: Pick<Logger, "warn" | "error">;
  /** How many entries may wait. Default 10,000. */
  readonly maxWaiting?: number;
  /** How many entries are stored at once, at most. Default 500. */
  readonly batchEntries?: number;
  /** How long an entry waits for others to be stored with, in milliseconds. Default 100. */
  readonly batchMs?: number;
  /** How long the end may take, in milliseconds. Default 4000: a service's resources have 5 s to close. */
  readonly closeMs?: number;
  readonly clock?: Clock;
  /** Numbers from 0 to 1, without 1. */
  readonly random?: () => number;
}

/** How often the log says the same thing again. */
const LOG_INTERVAL_MS = 10_000;

/**
 * One batch is under way at a time. After one that is refused the next is half as large, after one that fails it is a single
 * entry, once a back-off has passed, and they grow again with every success: so what a store cannot take ends up alone, and
 * keeps no other from being stored. What is refused alone is dropped; what fails alone goes to the end of the line. Entries
 * are stored in no order that could be relied on.
 */
export function createRecorder(store: Pick<Store, "insert">, options: RecorderOptions): Recorder {
  const { log, clock = systemClock, random = Math.random } = options;
  const { maxWaiting = 10_000, batchEntries = 500, batchMs = 100, closeMs = 4_000 } = options;
  const waiting: Entry[] = [];
  let recorded = 0;
  let stored = 0;
  let dropped = 0;
  let batchLimit = batchEntries;
  let failures = 0;
  let isWriting = false;
  /** When the next batch starts. */
  let start: { readonly timer: Timer; readonly delayMs: number } | undefined;
  let phase: "open" | "closing" | "over" = "open";
  let closed: Promise<void> | undefined;
  let onEmpty: (() => void) | undefined;

  // Timers keep the call that sets them: its id would be on lines that have nothing to do with it.
  const outside = new AsyncResource("HistoryRecorder");
  const overflow = createSummary<string>(clock, LOG_INTERVAL_MS, (count, reason) => {
    log.warn(`action=record_history, status=dropped, entries=${count}, reason=${reason}`);
  });
  const refusals = createSummary<string>(clock, LOG_INTERVAL_MS, (count, latest) => {
    log.error(`action=record_history, status=refused, entries=${count}, ${latest}`);
  });
  const unstored = createSummary<string>(clock, LOG_INTERVAL_MS, (count, reason) => {
    log.warn(`action=store_history, status=failing, tries=${count}, waiting=${waiting.length}, reason=${reason}`);
  });

  function cancelStart(): void {
    start?.timer.cancel();
    start = undefined;
  }

  function startIn(delayMs: number): void {
    cancelStart();
    start = { delayMs, timer: clock.schedule(delayMs, () => void writeBatch()) };
  }

  /** Sees to it that what waits is stored: soon, or at once where it fills a batch. */
  function plan(): void {
    if (isWriting || failures > 0 || waiting.length === 0) {
      return;
    }
    const delayMs = phase === "closing" || waiting.length >= batchLimit ? 0 : batchMs;
    if (start === undefined || delayMs < start.delayMs) {
      startIn(delayMs);
    }
  }

  async function writeBatch(): Promise<void> {
    start = undefined;
    isWriting = true;
    const batch = waiting.slice(0, batchLimit);
    const failure = await insert(batch);
    isWriting = false;
    if (phase === "over") {
      return; // counted as lost
    }
    if (failure === undefined) {
      waiting.splice(0, batch.length);
      stored += batch.length;
      failures = 0;
      unstored.forget();
      batchLimit = Math.min(batchEntries, batchLimit * 2);
    } else if (failure instanceof EntriesRefusedError) {
      failures = 0;
      refused(batch, failure);
    } else {
      failures++;
      failed(batch, failure);
    }
    if (waiting.length === 0) {
      onEmpty?.();
    }
    plan();
  }

  async function insert(batch: readonly Entry[]): Promise<unknown> {
    try {
      await store.insert(batch);
      return undefined;
    } catch (error) {
      return error ?? new Error("unknown");
    }
  }

  function refused(batch: readonly Entry[], { message }: Error): void {
    const [entry] = batch;
    if (batch.length > 1) {
      batchLimit = Math.ceil(batch.length / 2);
    } else if (entry !== undefined) {
      waiting.shift();
      dropped++;
      refusals.add(`id=${entry._id.toHexString()}, reason=${message}`);
    }
  }

  function failed(batch: readonly Entry[], failure: unknown): void {
    unstored.add(failure instanceof Error ? failure.message : String(failure));
    if (batch.length === 1) {
      waiting.push(...waiting.splice(0, 1));
    }
    // Not by halves: while one entry is looked for, at most two tries in a row fail for it, and the back-off stays short.
    batchLimit = 1;
    startIn(backoffMs(failures, random));
  }

  async function close(): Promise<void> {
    phase = "closing";
    failures = 0; // what the store did long ago is no reason to wait now
    cancelStart();
    if (waiting.length > 0) {
      await new Promise<void>((resolve) => {
        const limit = clock.schedule(closeMs, resolve);
        onEmpty = () => {
          limit.cancel();
          resolve();
        };
        plan();
      });
    }
    phase = "over";
    cancelStart();
    for (const summary of [overflow, refusals, unstored]) {
      summary.flush();
    }
    const lost = waiting.splice(0).length;
    if (lost > 0) {
      dropped += lost;
      log.error(`action=close_history, status=lost, entries=${lost}, reason=they could not be stored in ${closeMs} ms`);
    }
  }

  return {
    record(entry) {
      recorded++;
      if (phase === "over" || waiting.length >= maxWaiting) {
        dropped++;
        const reason = phase === "over" ? "the history is closed" : `${maxWaiting} entries wait already`;
        outside.runInAsyncScope(() => overflow.add(reason));
        if (phase === "over") {
          overflow.flush(); // the process may end before the summary's timer does
        }
      } else {
        waiting.push(entry);
        if (!isWriting && (start === undefined || waiting.length >= batchLimit)) {
          outside.runInAsyncScope(plan); // which costs more than all else here
        }
      }
    },
    stats: () => ({ recorded, stored, dropped, waiting: waiting.length }),
    [Symbol.asyncDispose]() {
      closed ??= outside.runInAsyncScope(close);
      return closed;
    },
  };
}
