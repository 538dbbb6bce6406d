import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, type RequestOptions, request } from "node:https";
import { setTimeout as passed } from "node:timers/promises";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  type ServiceError,
} from "@grpc/grpc-js";
import { createChannel, type RenewableTls } from "portico/client";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import type { Pair } from "../../tools/certificates/authority.ts";
import type { Work } from "../life/load/load.ts";

/** Where the services are. */
export interface Urls {
  readonly name: string;
  readonly greeter: string;
}

/** Whom a client of somebody else's trusts, in PEM, and what it shows; it stays by that. */
export interface FixedTls extends Pair {
  readonly ca: string;
}

const NAMES = ["ada", "grace", "edsger", "barbara", "tony", "leslie", "niklaus", "john"];
const UPPER = NAMES.map((name) => name.toUpperCase());
const GREETINGS = UPPER.map((name) => `Hello, ${name}!`);
/** Between two messages of a bidirectional stream, in milliseconds: so that such streams are open all the time. */
const PACE_MS = 60;

/** Between two calls at most, in milliseconds: a machine that is busy must not make calls last as long as a connection may. */
const THINK_MS = 50;

async function* paced(names: readonly string[]): AsyncIterable<{ readonly name: string }> {
  for (const name of names) {
    yield { name };
    await passed(PACE_MS);
  }
}

async function sayHello(transport: Transport): Promise<void> {
  const { greeting } = await createClient(GreeterService, transport).sayHello({ name: "ada" });
  assert.equal(greeting, "Hello, ADA!");
}

async function sayHelloToEach(transport: Transport): Promise<void> {
  const greetings: string[] = [];
  for await (const { greeting } of createClient(GreeterService, transport).sayHelloToEach({ names: NAMES })) {
    greetings.push(greeting);
  }
  assert.deepEqual(greetings, GREETINGS);
}

async function processNames(transport: Transport): Promise<void> {
  const names: string[] = [];
  for await (const { name } of createClient(NameService, transport).processNames(paced(NAMES))) names.push(name);
  assert.deepEqual(names, UPPER);
}

/** Calls by channels of ours, over every protocol; none is made again by a policy. */
export function channelWorks(urls: Urls, tls: RenewableTls): readonly Work[] {
  const wires = [
    ["grpc", "2"],
    ["grpc-web", "2"],
    ["connect", "2"],
    ["grpc-web", "1.1"],
    ["connect", "1.1"],
  ] as const;
  return wires.flatMap(([protocol, httpVersion]) => {
    const work = (kind: string, url: string, call: (transport: Transport) => Promise<void>): Work => ({
      name: `${kind}: ${protocol} over HTTP/${httpVersion}, createChannel`,
      workers: 1,
      thinkMs: THINK_MS,
      open() {
        const channel = createChannel(url, { protocol, httpVersion, tls, retry: false });
        return { call: () => call(channel), close: () => channel[Symbol.asyncDispose]() };
      },
    });
    const both = [work("unary", urls.greeter, sayHello), work("server stream", urls.greeter, sayHelloToEach)];
    return httpVersion === "2" ? [...both, work("bidi stream", urls.name, processNames)] : both;
  });
}

/** Calls by agents of node:https that keep their connections: by connect-node, and plain requests. */
export function agentWorks({ greeter }: Urls, tls: FixedTls): readonly Work[] {
  const withAgent = (name: string, call: (agent: Agent) => Promise<void>): Work => ({
    name: `${name} over HTTP/1.1, node:https`,
    workers: 1,
    thinkMs: THINK_MS,
    open() {
      const agent = new Agent({ ...tls, keepAlive: true, maxSockets: 1 });
      return { call: () => call(agent), close: () => agent.destroy() };
    },
  });
  const transportOf = (make: typeof createConnectTransport, agent: Agent) =>
    make({ baseUrl: greeter, httpVersion: "1.1", nodeOptions: { agent } });
  return [
    withAgent("unary: connect", (agent) => sayHello(transportOf(createConnectTransport, agent))),
    withAgent("server stream: connect", (agent) => sayHelloToEach(transportOf(createConnectTransport, agent))),
    withAgent("unary: grpc-web", (agent) => sayHello(transportOf(createGrpcWebTransport, agent))),
    withAgent("server stream: grpc-web", (agent) => sayHelloToEach(transportOf(createGrpcWebTransport, agent))),
    withAgent("REST", async (agent) => {
      assert.equal(await textOf(`${greeter}/api/v1/say-hello?name=ada`, { agent }), '"Hello, ADA!"');
    }),
  ];
}

/** The body of an answer to a GET. */
async function textOf(url: string, options: RequestOptions): Promise<string> {
  const [response] = (await once(request(url, options).end(), "response")) as [IncomingMessage]; // node:http's
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return text;
}

/** Calls by @grpc/grpc-js, whose messages are written by hand: one field of text. */
export function grpcJsWorks(urls: Urls, tls: FixedTls): readonly Work[] {
  const work = (name: string, url: string, call: (client: Client) => Promise<void>): Work => ({
    name: `${name}: grpc over HTTP/2, grpc-js`,
    workers: 1,
    thinkMs: THINK_MS,
    open() {
      const [ca, key, cert] = [tls.ca, tls.key, tls.cert].map((pem) => Buffer.from(pem));
      const secure = credentials.createSsl(ca, key, cert);
      // Node takes no address as a server's name (RFC 6066, 3), where grpc-js gives it one.
      const client = new Client(new URL(url).host, secure, { "grpc.ssl_target_name_override": "localhost" });
      return { call: () => call(client), close: () => client.close() };
    },
  });
  return [
    work("unary", urls.greeter, async (client) => {
      const method = "/greeter.v1.GreeterService/SayHello";
      const greeting = await new Promise<string | undefined>((resolve, reject) => {
        const done = (error: ServiceError | null, text?: string) => (error === null ? resolve(text) : reject(error));
        client.makeUnaryRequest(method, fieldOf, textOfField, "ada", done);
      });
      assert.equal(greeting, "Hello, ADA!");
    }),
    work("server stream", urls.greeter, async (client) => {
      const method = "/greeter.v1.GreeterService/SayHelloToEach";
      const encode = (names: readonly string[]) => Buffer.concat(names.map(fieldOf));
      assert.deepEqual(await all(client.makeServerStreamRequest(method, encode, textOfField, NAMES)), GREETINGS);
    }),
    work("bidi stream", urls.name, async (client) => {
      const method = "/name.v1.NameService/ProcessNames";
      const call: ClientDuplexStream<string, string> = client.makeBidiStreamRequest(method, fieldOf, textOfField);
      const write = async () => {
        for await (const { name } of paced(NAMES)) call.write(name);
        call.end();
      };
      const [answers] = await Promise.all([all(call), write()]);
      assert.deepEqual(answers, UPPER);
    }),
  ];
}

async function all(call: ClientReadableStream<string>): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const text of call) texts.push(text);
  return texts;
}

/** Field 1 of a message, for text of less than 128 bytes. */
function fieldOf(text: string): Buffer {
  return Buffer.concat([Buffer.of(0x0a, text.length), Buffer.from(text)]);
}

function textOfField(message: Buffer): string {
  return message.subarray(2).toString();
}
