import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import { createRegistry } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { defineService, implement } from "portico";
import { withImports } from "../../src/call/schema-files.ts";
import { startService } from "../../src/service/start.ts";
import { brotli, gzip } from "../../src/wire/compression.ts";
import { DifferentialService } from "./gen/differential/v1/differential_pb.js";
import { handlers } from "./handlers.ts";
import { interceptors } from "./interceptors.ts";
import { createWitness, type Witness } from "./witness.ts";

/** Who answers: our port by either of its two ways, and connect-node itself. */
export const SERVERS = ["lean", "universal", "connect-node"] as const;
export type ServerName = (typeof SERVERS)[number];

/** The largest message that all take: small, so that many requests are about as large. */
export const READ_MAX_BYTES = 1000;

/** Where a server listens, and what it saw. */
export interface Server extends AsyncDisposable {
  readonly witness: Witness;
  /** connect-node has a port for each version of HTTP. */
  port(version: "1.1" | "2"): number;
}

/** @param hasInterceptors whether there are interceptors at all: without, a call has less to be made for */
export function startServer(name: ServerName, hasInterceptors: boolean): Promise<Server> {
  return name === "connect-node" ? startConnectNode(hasInterceptors) : startPort(name, hasInterceptors);
}

async function startPort(rpcPath: "lean" | "universal", hasInterceptors: boolean): Promise<Server> {
  const witness = createWitness();
  const service = defineService({
    name: "differential",
    limits: { messageBytes: READ_MAX_BYTES },
    interceptors: () => (hasInterceptors ? interceptors(witness) : []),
    routes: () => [implement(DifferentialService, handlers(witness))],
  });
  const surroundings = {
    env: { HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "silent" },
    destination: { write: () => undefined },
    terminal: false,
    rpcPath,
  };
  const { address, stop } = await startService(service, surroundings);
  return { witness, port: () => address.port, [Symbol.asyncDispose]: stop };
}

async function startConnectNode(hasInterceptors: boolean): Promise<Server> {
  const witness = createWitness();
  const adapter = connectNodeAdapter({
    routes: (router) => router.service(DifferentialService, handlers(witness)),
    interceptors: hasInterceptors ? [...interceptors(witness)] : [],
    readMaxBytes: READ_MAX_BYTES,
    acceptCompression: [gzip, brotli], // ours: another quality would give other bytes
    jsonOptions: { registry: createRegistry(...withImports([DifferentialService.file])) },
  });
  const tame = tamed();
  const http1 = http.createServer(tame.around(adapter));
  const over2 = http2.createServer(tame.around(adapter));
  const sessions = new Set<http2.ServerHttp2Session>();
  over2.on("session", (session) => sessions.add(session));
  const ports = await Promise.all([http1, over2].map(listen));
  return {
    witness,
    port: (version) => (version === "1.1" ? ports[0] : ports[1]) ?? 0,
    async [Symbol.asyncDispose]() {
      tame[Symbol.dispose]();
      for (const session of sessions) session.destroy();
      http1.closeAllConnections();
      await Promise.all([http1, over2].map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

type Listener = ReturnType<typeof connectNodeAdapter>;

/**
 * An answer that connect-node cannot write, it leaves open for ever, and logs to the console. Here such an answer is
 * broken off, as the port does, so that nobody has to wait for it; and what Node warns of meanwhile is known.
 */
function tamed(): Disposable & { around(listener: Listener): Listener } {
  const answers = new AsyncLocalStorage<Parameters<Listener>[1]>();
  const { error } = console;
  const { emitWarning } = process;
  console.error = (...said: readonly unknown[]) => {
    const answer = answers.getStore();
    if (answer === undefined) {
      error(...said);
    } else if ("stream" in answer) {
      answer.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    } else {
      answer.destroy();
    }
  };
  process.emitWarning = (...said: readonly unknown[]) => {
    if (answers.getStore() === undefined) {
      Reflect.apply(emitWarning, process, said);
    }
  };
  return {
    around: (listener) => (request, response) => answers.run(response, () => listener(request, response)),
    [Symbol.dispose]() {
      console.error = error;
      process.emitWarning = emitWarning;
    },
  };
}

async function listen(server: http.Server | http2.Http2Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as { port: number }).port; // it listens on a port
}
