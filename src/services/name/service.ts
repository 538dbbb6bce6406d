import { currentCall, defineService, implement, withDomainTypes } from "portico";
import { HistoryService } from "../../../gen/name/v1/history_domain.js";
import { NameService } from "../../../gen/name/v1/name_pb.js";
import { validName } from "../valid-name.ts";
import { createHistory } from "./history/history.ts";
import { historyConfig, openStore } from "./history/open-store.ts";
import { recordCalls } from "./history/record-calls.ts";
import { createRecorder } from "./history/recorder.ts";
import { processName } from "./process-name.ts";

/** Turns names into upper case, and tells what it has processed. */
export const name = defineService({
  name: "name",
  port: 50051,
  config: historyConfig,
  async resources({ config, log, use, condition }) {
    const stored = condition("store", [HistoryService.desc]);
    const onHealth = (problem: string | undefined) => (problem === undefined ? stored.clear() : stored.fail(problem));
    const store = use(await openStore(config, onHealth));
    const recorder = use(createRecorder(store, { log }));
    return { process: recordCalls(processName, recorder), history: createHistory(store) };
  },
  routes: ({ resources: { process, history } }) => [
    implement(NameService, {
      processName(request) {
        const name = process(validName(request.name));
        currentCall().log.info(`action=process_name, status=success, name=${name}`);
        return { name };
      },
      async *processNames(requests) {
        for await (const request of requests) {
          const name = process(validName(request.name));
          currentCall().log.info(`action=process_names, status=success, name=${name}`);
          yield { name };
        }
      },
    }),
    implement(withDomainTypes(HistoryService), history),
  ],
});
