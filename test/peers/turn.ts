import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { until } from "../support/until.ts";
import { CACHE } from "./programs.ts";

/**
 * Waits until no other process has the turn of that name, and takes it: for what only one test file at a time may make in the
 * cache. SQLite's lock is let go of by a process that is killed, too.
 */
export async function waitForTurn(name: string, deadlineMs: number): Promise<Disposable> {
  await mkdir(CACHE, { recursive: true });
  const lock = new DatabaseSync(join(CACHE, `${name}.lock`), { timeout: 0 });
  try {
    await until(() => isLockedNow(lock), deadlineMs);
  } catch (error) {
    lock.close();
    throw error;
  }
  return lock;
}

function isLockedNow(lock: DatabaseSync): boolean {
  const SQLITE_BUSY = 5;
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY) return false;
    throw error;
  }
}
