import assert from "node:assert/strict";
import { Agent, type RequestOptions, request } from "node:http";
import { setTimeout as passed } from "node:timers/promises";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { createChannel } from "portico/client";
import { GreeterService } from "../../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../../gen/name/v1/name_pb.js";
import { grpcJsTransport } from "../../behaviour/grpc-js.ts";
import type { Work } from "./load.ts";

/** A client of RPC, and the kinds of call that its wire carries. */
interface RpcClient {
  readonly name: string;
  readonly isFullDuplex: boolean;
  /** Makes a call by this client. Default: plainly, once. */
  readonly make?: (call: () => Promise<void>, onRepeat: () => void) => Promise<void>;
  dial(url: string): { readonly transport: Transport; close(): unknown };
}

function overHttp1(
  name: string,
  dial: (options: Parameters<typeof createGrpcWebTransport>[0]) => Transport,
): RpcClient {
  return {
    name: `${name} over HTTP/1.1, connect-node`,
    isFullDuplex: false,
    dial(baseUrl) {
      const agent = new Agent({ keepAlive: true });
      const transport = dial({ baseUrl, httpVersion: "1.1", nodeOptions: { agent } });
      return { transport, close: () => agent.destroy() };
    },
  };
}

/**
 * node:http2 gives up a request that it has not sent yet when the GOAWAY comes in the same turn, by an error of its own, and
 * connect-node takes that for the call's. A request that was not processed may be repeated (RFC 9113, 8.7); whether the
 * service refused any, the front sees.
 */
async function unlessUnsent(call: () => Promise<void>, onRepeat: () => void): Promise<void> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!String(error).includes("NGHTTP2_REFUSED_STREAM")) throw error;
      onRepeat();
    }
  }
}

function overHttp2(name: string, dial: (options: Parameters<typeof createGrpcTransport>[0]) => Transport): RpcClient {
  return {
    name: `${name} over HTTP/2, connect-node`,
    isFullDuplex: true,
    make: unlessUnsent,
    dial(baseUrl) {
      const sessionManager = new Http2SessionManager(baseUrl);
      return { transport: dial({ baseUrl, sessionManager }), close: () => sessionManager.abort() };
    },
  };
}

/** The clients of others. */
export const STRANGERS: readonly RpcClient[] = [
  overHttp1("Connect", (options) => createConnectTransport(options)),
  overHttp1("gRPC-Web", (options) => createGrpcWebTransport(options)),
  overHttp2("Connect", ({ ...options }) => createConnectTransport({ ...options, httpVersion: "2" })),
  overHttp2("gRPC-Web", ({ ...options }) => createGrpcWebTransport({ ...options, httpVersion: "2" })),
  overHttp2("gRPC", createGrpcTransport),
  {
    name: "gRPC over HTTP/2, grpc-js",
    isFullDuplex: true,
    dial(url) {
      const transport = grpcJsTransport(url);
      return { transport, close: () => transport[Symbol.dispose]() };
    },
  },
];

/** Our own. */
export const CHANNELS: readonly RpcClient[] = (
  [
    ["grpc", "2"],
    ["connect", "2"],
    ["grpc-web", "1.1"],
  ] as const
).map(([protocol, httpVersion]) => ({
  name: `${protocol} over HTTP/${httpVersion}, createChannel`,
  isFullDuplex: httpVersion === "2",
  dial(url) {
    const transport = createChannel(url, { protocol, httpVersion });
    return { transport, close: () => transport[Symbol.asyncDispose]() };
  },
}));

const NAMES = ["ada", "grace", "edsger", "barbara", "tony", "leslie", "niklaus", "john"];
/** Between two messages of a bidirectional stream, in milliseconds. */
const PACE_MS = 60;

/** Unary calls, and streams of about a second, by a client. */
export function rpcWorks(client: RpcClient, url: string): readonly Work[] {
  const make: NonNullable<RpcClient["make"]> = client.make ?? ((call) => call());
  const work = (
    kind: string,
    workers: number,
    thinkMs: number,
    call: (transport: Transport) => Promise<void>,
  ): Work => ({
    name: `${kind}: ${client.name}`,
    workers,
    thinkMs,
    open(onRepeat) {
      const { transport, close } = client.dial(url);
      return { call: () => make(() => call(transport), onRepeat), close };
    },
  });
  const unary = work("unary", 2, 10, async (transport) => {
    const { greeting } = await createClient(GreeterService, transport).sayHello({ name: "ada" });
    assert.equal(greeting, "ada");
  });
  const server = work("server stream", 2, 300, async (transport) => {
    const greetings: string[] = [];
    for await (const { greeting } of createClient(GreeterService, transport).sayHelloToEach({ names: NAMES })) {
      greetings.push(greeting);
    }
    assert.deepEqual(greetings, NAMES);
  });
  const bidi = work("bidi stream", 2, 300, async (transport) => {
    const answers: string[] = [];
    for await (const { name } of createClient(NameService, transport).processNames(paced(NAMES))) answers.push(name);
    assert.deepEqual(
      answers,
      NAMES.map((name) => name.toUpperCase()),
    );
  });
  return client.isFullDuplex ? [unary, server, bidi] : [unary, server];
}

async function* paced(names: readonly string[]): AsyncIterable<{ readonly name: string }> {
  for (const name of names) {
    yield { name };
    await passed(PACE_MS);
  }
}

/** REST over connections that are kept: by node:http, which repeats no request, and by fetch. */
export function restWorks(url: string): readonly Work[] {
  const byAgent = (name: string, thinkMs: number, path: string, method: string, body: string): Work => ({
    name: `REST: ${name}, node:http`,
    workers: 3,
    thinkMs,
    open() {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      return {
        call: async () => assert.equal(await ask(url + path, { agent, method }, body), `${method} ${body}`),
        close: () => agent.destroy(),
      };
    },
  });
  return [
    byAgent("GET, busy", 0, "/", "GET", ""),
    byAgent("GET, with pauses", 600, "/", "GET", ""),
    byAgent("GET, slow", 100, "/?ms=700", "GET", ""),
    byAgent("POST", 50, "/?ms=5", "POST", "x".repeat(100_000)),
    {
      name: "REST: fetch",
      workers: 3,
      thinkMs: 50,
      open: () => ({
        async call() {
          const answer = await fetch(`${url}/?ms=5`, { method: "PUT", body: "hello" });
          assert.equal(await answer.text(), "PUT hello");
        },
        close: () => undefined,
      }),
    },
  ];
}

function ask(url: string, options: RequestOptions, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { ...options, headers: { "content-length": body.length } }, async (response) => {
      try {
        let text = "";
        for await (const chunk of response.setEncoding("utf8")) text += chunk;
        resolve(text);
      } catch (error) {
        reject(error);
      }
    })
      .on("error", reject)
      .end(body);
  });
}
