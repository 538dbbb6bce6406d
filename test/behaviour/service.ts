import { type Client, createClient } from "@connectrpc/connect";
import Koa from "koa";
import { createChannel, defineService, implement, onlyFor } from "portico";
import * as z from "zod";
import { BehaviourService } from "./gen/behaviour/v1/behaviour_pb.js";
import { behaviourMethods } from "./methods.ts";
import { sign } from "./sign.ts";

/** A service whose calls do what their messages say; `ONWARD_URL` is where a call goes on to. */
export const behaviour = defineService({
  name: "behaviour",
  config: { ONWARD_URL: z.url().default("http://localhost:1") },
  resources: ({ config, use }): Client<typeof BehaviourService> =>
    createClient(BehaviourService, use(createChannel(config.ONWARD_URL, { timeoutMs: 10_000 }))),
  interceptors: () => [
    sign("first"),
    onlyFor(BehaviourService.method.act, sign("act")),
    onlyFor([BehaviourService.method.watch, BehaviourService.method.collect], sign("watch-or-collect")),
    onlyFor(BehaviourService, sign("service")),
    sign("last"),
  ],
  routes: ({ resources: next }) => [implement(BehaviourService, behaviourMethods(next))],
  http: () => {
    const app = new Koa();
    app.use((context) => {
      context.body = `koa: ${context.method} ${context.path}`;
    });
    return app;
  },
});
