import { createServer as createHttp1Server } from "node:http";
import { createSecureServer, createServer } from "node:http2";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { announce, isHttp1, tlsOptions } from "./arguments.ts";
import { names } from "./names.ts";
import { RepeatService, repeat } from "./repeat.ts";

// connect-node with its defaults, on node:http2 or node:http, and no interceptors.

const handler = connectNodeAdapter({
  routes(router) {
    router.service(NameService, names);
    router.service(RepeatService, repeat);
  },
});
const server = isHttp1
  ? createHttp1Server(handler)
  : tlsOptions === undefined
    ? createServer(handler)
    : createSecureServer(tlsOptions, handler);
server.listen(0, "127.0.0.1", () => announce(server.address()));
