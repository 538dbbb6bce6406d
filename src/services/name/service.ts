import { currentCall, defineService, implement } from "portico";
import { NameService } from "../../../gen/name/v1/name_pb.js";
import { validName } from "../valid-name.ts";
import { processName } from "./process-name.ts";

/** Turns names into upper case. */
export const name = defineService({
  name: "name",
  port: 50051,
  routes: () => [
    implement(NameService, {
      processName(request) {
        const name = processName(validName(request.name));
        currentCall().log.info(`action=process_name, status=success, name=${name}`);
        return { name };
      },
      async *processNames(requests) {
        for await (const request of requests) {
          const name = processName(validName(request.name));
          currentCall().log.info(`action=process_names, status=success, name=${name}`);
          yield { name };
        }
      },
    }),
  ],
});
