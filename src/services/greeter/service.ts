import { createClient } from "@connectrpc/connect";
import { createChannel, defineService, implement, targetProblem } from "portico";
import * as z from "zod";
import { GreeterService } from "../../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../../gen/name/v1/name_pb.js";
import { createGreeter } from "./greeter.ts";
import { web } from "./web.ts";

/** Where a channel goes: a URL, or `dns:` or `static:` with several backends. */
const target = z.string().superRefine((text, context) => {
  const problem = targetProblem(text);
  if (problem !== undefined) {
    context.addIssue(problem);
  }
});

/** Greets people by the names that the name service makes of theirs. */
export const greeter = defineService({
  name: "greeter",
  port: 8081,
  config: {
    NAME_URL: target.default("http://localhost:50051"),
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
