import type { ServiceImpl } from "@connectrpc/connect";
import type { NameService } from "../../gen/name/v1/name_pb.js";

/** name.v1.NameService without the checks and log lines of our service, which no other peer has either. */
export const names: ServiceImpl<typeof NameService> = {
  processName: ({ name }) => ({ name: name.toUpperCase() }),
  async *processNames(requests) {
    for await (const { name } of requests) {
      yield { name: name.toUpperCase() };
    }
  },
};
