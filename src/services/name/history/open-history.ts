import type { ResourceOpener } from "portico";
import { HistoryService } from "../../../../gen/name/v1/history_domain.js";
import { createHistory, type History } from "./history.ts";
import { type historyConfig, openStore, unusedSetting } from "./open-store.ts";
import { recordCalls } from "./record-calls.ts";
import { createRecorder } from "./recorder.ts";
import type { Store } from "./store.ts";

/** What the service does with its history. */
export interface OpenHistory {
  /** Has `work`, which is done in calls, recorded. */
  recorded(work: (name: string) => string): (name: string) => string;
  readonly handlers: History;
}

const NOTHING: Pick<Store, "get" | "page"> = { get: async () => undefined, page: async () => [] };

/** Opens the history where the configuration says that it is kept; a store that is down keeps the service from being ready. */
export async function openHistory(opener: ResourceOpener<typeof historyConfig>): Promise<OpenHistory> {
  const { config, log, use, condition } = opener;
  const unused = unusedSetting(config);
  if (unused !== undefined) {
    log.warn(`action=open_history, status=unused_setting, reason=${unused}`);
  }
  if (config.MONGODB_URL === undefined && config.HISTORY_MAX_ENTRIES === 0) {
    return { recorded: (work) => work, handlers: createHistory(NOTHING) };
  }
  const stored = condition("store", [HistoryService.desc]);
  const onHealth = (problem: string | undefined) => (problem === undefined ? stored.clear() : stored.fail(problem));
  const store = use(await openStore(config, onHealth));
  const recorder = use(createRecorder(store, { log }));
  return { recorded: (work) => recordCalls(work, recorder), handlers: createHistory(store) };
}
