import { currentCall, defineService, implement, withDomainTypes } from "portico";
import { HistoryService } from "../../../gen/name/v1/history_domain.js";
import { NameService } from "../../../gen/name/v1/name_pb.js";
import { validName } from "../valid-name.ts";
import { openHistory } from "./history/open-history.ts";
import { historyConfig } from "./history/open-store.ts";
import { processName } from "./process-name.ts";

/** Turns names into upper case, and tells what it has processed. */
export const name = defineService({
  name: "name",
  port: 50051,
  config: historyConfig,
  async resources(opener) {
    const history = await openHistory(opener);
    return { process: history.recorded(processName), history: history.handlers };
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
