import { createClient } from "@connectrpc/connect";
import { createChannel, defineService, implement } from "portico";
import * as z from "zod";
import { GreeterService } from "../../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../../gen/name/v1/name_pb.js";
import { createGreeter } from "./greeter.ts";
import { web } from "./web.ts";

const NAME_TARGETS =
  "expected a target with its port, such as http://localhost:50051, dns:///name:50051 or static:///10.0.0.1:50051,10.0.0.2:50051";

/** Greets people by the names that the name service makes of theirs. */
export const greeter = defineService({
  name: "greeter",
  port: 8081,
  config: {
    NAME_URL: z
      .url({ protocol: /^(?:https?|dns|static)$/, error: NAME_TARGETS, abort: true })
      .regex(/^https?:|:\d+$/i, NAME_TARGETS)
      .default("http://localhost:50051"),
    NAME_TIMEOUT_MS: z.coerce.number().int().positive().default(10_000),
  },
  resources: ({ config, use }) => {
    const channel = use(createChannel(config.NAME_URL, { timeoutMs: config.NAME_TIMEOUT_MS }));
    return { greeter: createGreeter(createClient(NameService, channel)) };
  },
  routes: ({ resources: { greeter } }) => [
    implement(GreeterService, {
      sayHello: async ({ name }) => ({ greeting: await greeter.sayHello(name) }),
      async *sayHelloToEach({ names }) {
        for await (const greeting of greeter.sayHelloToEach(names)) {
          yield { greeting };
        }
      },
    }),
  ],
  http: ({ config, resources: { greeter } }) => web(greeter, { page: config.NODE_ENV === "development" }),
});
