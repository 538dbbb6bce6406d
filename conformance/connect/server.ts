import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { MAX_TIMER_MS, systemClock } from "../../src/call/clock.ts";
import { createTasks } from "../../src/call/tasks.ts";
import { SERVICE_RULES } from "../../src/interceptors/index.ts";
import { createLogger } from "../../src/observe/logger.ts";
import type { PortTls } from "../../src/server/accept.ts";
import { createPort } from "../../src/server/port.ts";
import { trustedProxies } from "../../src/server/proxies.ts";
import { rpcHandler } from "../../src/wire/rpc.ts";
import { delimited, readDelimited } from "./delimited.ts";
import { endWithParent } from "./end-with-parent.ts";
import { loadSchema, type ServerCompatRequest, type ServerCompatResponse } from "./schema.ts";
import { conformanceService } from "./service.ts";

// The server under test, as the suite's runner starts it: it reads from standard input how it has to serve, and writes to
// standard output where it does; whatever else there is to say goes to standard error.

const HOST = "127.0.0.1";
/** Where no limit is asked for. */
const READ_MAX_BYTES = 64 * 1024 * 1024;

endWithParent();
const schema = loadSchema(process.argv[2] ?? "");
const { value: asked } = await readDelimited(process.stdin).next();
if (asked === undefined) {
  throw new Error("nothing on standard input says how to serve");
}
const request = fromBinary(schema.message<ServerCompatRequest>("ServerCompatRequest"), asked);
const log = createLogger({
  name: "conformance",
  level: "warn",
  format: "json",
  colors: false,
  destination: process.stderr,
});
const implementation = conformanceService(schema);
log.learn([implementation.service.file]);
const port = createPort({
  tls: tlsOf(request),
  http2Engine: process.env["HTTP2_ENGINE"] === "node" ? "node" : "own",
  handlers: [
    rpcHandler({
      implementations: [implementation],
      interceptors: [],
      rules: SERVICE_RULES,
      // A handler tells which time-out was asked for: none of the server's own.
      deadlines: { defaultMs: Number.POSITIVE_INFINITY, maxMs: MAX_TIMER_MS },
      readMaxBytes: request.messageReceiveLimit || READ_MAX_BYTES,
      compressMinBytes: 0, // the suite's own messages are small
      path: process.argv[3] === "universal" ? "universal" : "lean",
    }),
  ],
  upgrades: false,
  log,
  clock: systemClock,
  tasks: createTasks(log),
  trustedProxies: trustedProxies([]),
  companionHeaders: [],
  onRecord: () => undefined,
});
const address = await port.listen(HOST, 0);
const responseSchema = schema.message<ServerCompatResponse>("ServerCompatResponse");
const response = create(responseSchema, {
  host: HOST,
  port: address.port,
  ...(request.serverCreds && { pemCert: request.serverCreds.cert }),
});
process.stdout.write(delimited(toBinary(responseSchema, response)));

function tlsOf({ useTls, serverCreds, clientTlsCert }: ServerCompatRequest): PortTls | undefined {
  if (!useTls || serverCreds === undefined) {
    return undefined;
  }
  return {
    cert: Buffer.from(serverCreds.cert),
    key: Buffer.from(serverCreds.key),
    ...(clientTlsCert.length > 0 && { clientCa: Buffer.from(clientTlsCert) }),
  };
}
