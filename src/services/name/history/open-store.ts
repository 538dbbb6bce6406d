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

/**
 * Opens the store that the configuration asks for. A MongoDB that cannot be reached is no error but a problem that `onHealth`
 * is told.
 *
 * @throws ConfigurationError where a variable is wrong; it names the variable
 */
export function openStore(config: HistoryConfig, onHealth: OnHealth): Promise<Store> {
  return config.MONGODB_URL === undefined
    ? openSqliteStore({ folder: config.DATA_DIR, maxEntries: config.HISTORY_MAX_ENTRIES, onHealth })
    : openMongoStore({ url: config.MONGODB_URL, onHealth });
}
