/** Everything that is measured. A name is also that of its module in peers/, or of its program. */
export type Contender = (typeof CONTENDERS)[number];

/** In the order in which tables show them: what there is to compare with, and then ours. */
export const CONTENDERS = [
  "node-http2",
  "node-http",
  "fastify",
  "connect-node",
  "grpc-js",
  "armeria",
  "connect-go",
  "grpc-go",
  "engine",
  "bare",
  "service",
  "channel",
  "channel-one",
] as const;

/** What a contender is, for those who read the results. */
export const DESCRIPTIONS: Readonly<Record<Contender, string>> = {
  "node-http2": "node:http2 alone: sends the same bytes back, and knows no RPC",
  "node-http": "node:http alone: sends the same bytes back",
  fastify: "Fastify on node:http, with schemas",
  "connect-node": "connect-node on node:http2, and on node:http for HTTP/1.1",
  "grpc-js": "@grpc/grpc-js",
  armeria: "Armeria on the JVM, after 400,000 calls",
  "connect-go": "connect-go on net/http",
  "grpc-go": "grpc-go",
  engine: "Portico's HTTP/2 engine alone: sends the same bytes back",
  bare: "Portico's port with RPCs alone",
  service: "Portico's name service as it ships: request id, deadline, context, a line in a file for each call",
  channel: "Portico's client with its defaults; where CPU time counts, on a static target of two servers",
  "channel-one": "the same on the URL of one server",
};

/** Sends back what it gets, instead of a name in upper case. */
export function isEcho(contender: Contender): boolean {
  return contender === "node-http2" || contender === "node-http" || contender === "engine";
}

/** Calls that a contender needs before it is as fast as it will be, beyond those that everybody gets. */
export function warmUpCalls(contender: Contender): number {
  return contender === "armeria" ? 400_000 : 0;
}
