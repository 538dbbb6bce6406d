import * as z from "zod";
import { openMongoStore } from "./mongo-store.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import type { OnHealth, Store } from "./store.ts";

/** The variables that say where the history is kept. */
export const historyConfig = {
  /** A MongoDB: `mongodb://…` or `mongodb+srv://…`. Its database is the URL's path, else `portico`. */
  MONGODB_URL: z.string().optional(), // checked by its driver: whatever is wrong with it, it may hold a password
  /** Without MONGODB_URL: the folder of the embedded database, made where it is missing. Default: in memory. */
  DATA_DIR: z.string().optional(),
  /** Without MONGODB_URL: how many entries are kept; the oldest go. With 0 there is no history. */
  HISTORY_MAX_ENTRIES: z.coerce.number().int().min(0).max(100_000_000).default(100_000),
};

type HistoryConfig = Readonly<z.output<z.ZodObject<typeof historyConfig>>>;

/** Says which of the variables that were set does nothing; undefined where each does something. */
export function unusedSetting(config: HistoryConfig): string | undefined {
  if (config.DATA_DIR === undefined) {
    return undefined;
  }
  if (config.MONGODB_URL !== undefined) {
    return "DATA_DIR is not used, as MONGODB_URL is set";
  }
  return config.HISTORY_MAX_ENTRIES === 0 ? "DATA_DIR is not used, as HISTORY_MAX_ENTRIES is 0" : undefined;
}

/**
 * Opens the store that the configuration asks for. A store that is down is no error but a problem that `onHealth` is told.
 *
 * @throws ConfigurationError where a variable is wrong; it names the variable
 */
export function openStore(config: HistoryConfig, onHealth: OnHealth): Promise<Store> {
  return config.MONGODB_URL === undefined
    ? openSqliteStore({ folder: config.DATA_DIR, maxEntries: config.HISTORY_MAX_ENTRIES, onHealth })
    : openMongoStore({ url: config.MONGODB_URL, onHealth });
}
