import type { ObjectId } from "bson";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";

/** Keeps entries, each by its `_id`. */
export interface Store extends AsyncDisposable {
  /**
   * Stores the entries, in no order; one whose `_id` is there already stays as it is, so that a batch can be tried again.
   *
   * @throws StoreUnavailableError where it cannot be done now; a part may be stored
   * @throws EntriesRefusedError where an entry among them will never be stored; a part of the others may be
   */
  insert(entries: readonly Entry[]): Promise<void>;
  /**
   * The entry of that id, if there is one.
   *
   * @throws StoreUnavailableError; what the signal is aborted with
   */
  get(id: ObjectId, signal?: AbortSignal): Promise<Entry | undefined>;
  /**
   * At most `size` entries in the descending order of their ids, which is the newest first: those with ids below `before`, or
   * the very newest. Ids of one second and of several processes are in no order of time.
   *
   * @throws StoreUnavailableError; what the signal is aborted with
   */
  page(before: ObjectId | undefined, size: number, signal?: AbortSignal): Promise<readonly Entry[]>;
}

/** A store that cannot be used now, and may be later. Its message is for the log, and holds no secret. */
export class StoreUnavailableError extends Error {
  override readonly name = "StoreUnavailableError";
}

/** A batch with an entry that the store will never take, whenever it is tried. The message is for the log. */
export class EntriesRefusedError extends Error {
  override readonly name = "EntriesRefusedError";
}

/** Is told each change of a store's health: what is wrong, for the log, or undefined once nothing is. Must not throw. */
export type OnHealth = (problem: string | undefined) => void;
