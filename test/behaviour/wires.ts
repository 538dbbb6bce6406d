import { Agent } from "node:http";
import type { DescMethod } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  createNodeHttpClient,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";
import { type ChannelOptions, createChannel } from "portico/client";
import { grpcJsTransport } from "./grpc-js.ts";
import { grpcWebTextTransport } from "./grpc-web-text.ts";
import type { Engine } from "./services.ts";

export type Kind = DescMethod["methodKind"];

/** A protocol over a version of HTTP, by a client that people use. */
export interface Wire {
  readonly name: string;
  readonly protocol: "connect" | "grpc-web" | "grpc";
  readonly client: "connect-node" | "connect-web" | "grpc-js" | "createChannel";
  /** As the access line has it. */
  readonly httpVersion: "1.1" | "2.0";
  /** What is to answer on the service's side. */
  readonly engine: Engine;
  readonly kinds: readonly Kind[];
  /** The service's unary method that this wire can call. */
  readonly unaryMethod: "read" | "act";
  /** The client asks for answers to be compressed. */
  readonly asksForCompression: boolean;
  /** The client can send what the service is to decompress. */
  readonly sendsCompressed: boolean;
  open(url: string, options?: WireOptions): Dialled;
}

export interface WireOptions {
  readonly sendCompression?: Compression;
}

export interface Dialled extends AsyncDisposable {
  readonly transport: Transport;
}

interface Traits {
  readonly protocol: Wire["protocol"];
  readonly kinds?: readonly Kind[];
  readonly unaryMethod?: Wire["unaryMethod"];
  readonly asksForCompression?: boolean;
  readonly sendsCompressed?: boolean;
}

const ALL: readonly Kind[] = ["unary", "server_streaming", "client_streaming", "bidi_streaming"];
const HALF_DUPLEX = ALL.filter((kind) => kind !== "bidi_streaming");
const BROWSER: readonly Kind[] = ["unary", "server_streaming"];

interface Common extends WireOptions {
  readonly baseUrl: string;
}
type Http1 = Common & { readonly httpVersion: "1.1"; readonly nodeOptions: { readonly agent: Agent } };
type Http2 = Common & { readonly httpVersion: "2"; readonly sessionManager: Http2SessionManager };

const NODE = { client: "connect-node", unaryMethod: "act", asksForCompression: true, sendsCompressed: true } as const;

function overHttp1(name: string, traits: Traits, dial: (options: Http1) => Transport): AnyEngine {
  return {
    ...NODE,
    name: `${name} over HTTP/1.1, connect-node`,
    httpVersion: "1.1",
    kinds: HALF_DUPLEX,
    ...traits,
    open(baseUrl, options = {}) {
      const agent = new Agent({ keepAlive: true });
      const transport = dial({ ...options, baseUrl, httpVersion: "1.1", nodeOptions: { agent } });
      return { transport, [Symbol.asyncDispose]: async () => agent.destroy() };
    },
  };
}

function overHttp2(name: string, traits: Traits, dial: (options: Http2) => Transport): AnyEngine {
  return {
    ...NODE,
    name: `${name} over HTTP/2, connect-node`,
    httpVersion: "2.0",
    kinds: ALL,
    ...traits,
    open(baseUrl, options = {}) {
      const sessionManager = new Http2SessionManager(baseUrl);
      const transport = dial({ ...options, baseUrl, httpVersion: "2", sessionManager });
      return { transport, [Symbol.asyncDispose]: async () => sessionManager.abort() };
    },
  };
}

/** Connect's client asks for no compression of what it gets by GET, nor can it send any. */
const GET = {
  protocol: "connect",
  kinds: ["unary"],
  unaryMethod: "read",
  asksForCompression: false,
  sendsCompressed: false,
} as const;
const TEXT = { protocol: "grpc-web", asksForCompression: false, sendsCompressed: false } as const;

const nodeWires: readonly AnyEngine[] = [
  ...[overHttp1, overHttp2].flatMap((over) => [
    over("Connect JSON", { protocol: "connect" }, (options) =>
      createConnectTransport({ ...options, useBinaryFormat: false }),
    ),
    over("Connect binary", { protocol: "connect" }, (options) =>
      createConnectTransport({ ...options, useBinaryFormat: true }),
    ),
    over("Connect GET JSON", GET, (options) =>
      createConnectTransport({ ...options, useHttpGet: true, useBinaryFormat: false }),
    ),
    over("Connect GET binary", GET, (options) =>
      createConnectTransport({ ...options, useHttpGet: true, useBinaryFormat: true }),
    ),
    over("gRPC-Web", { protocol: "grpc-web" }, (options) => createGrpcWebTransport(options)),
  ]),
  overHttp1("gRPC-Web text", TEXT, (options) => grpcWebTextTransport(options.baseUrl, createNodeHttpClient(options))),
  overHttp2("gRPC-Web text", TEXT, ({ baseUrl, httpVersion, sessionManager }) =>
    grpcWebTextTransport(baseUrl, createNodeHttpClient({ httpVersion, sessionProvider: () => sessionManager })),
  ),
  overHttp2("gRPC", { protocol: "grpc" }, (options) => createGrpcTransport(options)),
];

/** A wire of connect-web's, by Node's fetch. */
function browser(name: string, traits: Traits, dial: (baseUrl: string) => Transport): AnyEngine {
  return {
    name: `${name} over HTTP/1.1, connect-web`,
    client: "connect-web",
    httpVersion: "1.1",
    kinds: BROWSER,
    unaryMethod: "act",
    asksForCompression: false,
    sendsCompressed: false,
    ...traits,
    open: (url) => ({ transport: dial(url), [Symbol.asyncDispose]: async () => undefined }),
  };
}

/** A wire of the library's own channels. */
function channel(protocol: Wire["protocol"], version: NonNullable<ChannelOptions["httpVersion"]>): AnyEngine {
  return {
    name: `${protocol} over HTTP/${version}, createChannel`,
    client: "createChannel",
    protocol,
    httpVersion: version === "2" ? "2.0" : "1.1",
    kinds: version === "2" ? ALL : HALF_DUPLEX,
    unaryMethod: "act",
    asksForCompression: true,
    sendsCompressed: false,
    open(url) {
      const transport = createChannel(url, { protocol, httpVersion: version });
      return { transport, [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose]() };
    },
  };
}

/** A wire whose service runs over whatever engine. */
type AnyEngine = Omit<Wire, "engine">;

const overWhatever: readonly AnyEngine[] = [
  ...nodeWires,
  browser("Connect JSON", { protocol: "connect" }, (baseUrl) => web.createConnectTransport({ baseUrl })),
  browser("Connect GET", { protocol: "connect", kinds: ["unary"], unaryMethod: "read" }, (baseUrl) =>
    web.createConnectTransport({ baseUrl, useHttpGet: true, useBinaryFormat: true }),
  ),
  browser("gRPC-Web", { protocol: "grpc-web" }, (baseUrl) => web.createGrpcWebTransport({ baseUrl })),
  {
    name: "gRPC over HTTP/2, grpc-js",
    client: "grpc-js",
    protocol: "grpc",
    httpVersion: "2.0",
    kinds: ALL,
    unaryMethod: "act",
    asksForCompression: true,
    sendsCompressed: false,
    open(url) {
      const transport = grpcJsTransport(url);
      return { transport, [Symbol.asyncDispose]: async () => transport[Symbol.dispose]() };
    },
  },
  channel("grpc", "2"),
  channel("connect", "1.1"),
  channel("grpc-web", "2"),
];

/** Every RPC protocol over every version of HTTP that can carry it; over every engine, as far as that changes anything. */
export const wires: readonly Wire[] = [
  ...overWhatever.map((wire) => ({ ...wire, engine: "own" as const })),
  ...overWhatever
    .filter(({ httpVersion }) => httpVersion === "2.0")
    .map((wire) => ({ ...wire, engine: "node" as const, name: `${wire.name}, to node:http2` })),
  // Other clients send nothing else: what reads a request does not know who has sent it.
  ...overWhatever
    .filter(({ client }) => client === "connect-node")
    .map((wire) => ({ ...wire, engine: "universal" as const, name: `${wire.name}, to Connect's universal handlers` })),
];

/** As {@link wires}, and those to connect-node itself: for what any server's answers are like. */
export const allWires: readonly Wire[] = [
  ...wires,
  ...overWhatever
    .filter(({ client, name }) => client === "connect-node" && !name.includes("text")) // which it does not know
    .map((wire) => ({ ...wire, engine: "connect-node" as const, name: `${wire.name}, to connect-node` })),
];

/** The wires that have methods of this kind. */
export function wiresWith(kind: Kind, of = wires): readonly Wire[] {
  return of.filter(({ kinds }) => kinds.includes(kind));
}

type WireOfKind = Wire & { readonly kind: Kind };

function byKind(of: readonly Wire[]): readonly WireOfKind[] {
  return of.flatMap((wire) => wire.kinds.map((kind) => ({ ...wire, kind })));
}

/** Every wire with every kind of method that it can do. */
export const wiresByKind = byKind(wires);
export const allWiresByKind = byKind(allWires);

const METHODS = {
  unary: "Act",
  server_streaming: "Watch",
  client_streaming: "Collect",
  bidi_streaming: "Converse",
} as const;

/** The method by which a wire makes a call of a kind. */
export function methodOf({ kind, unaryMethod }: WireOfKind) {
  return unaryMethod === "read" ? "Read" : METHODS[kind];
}
