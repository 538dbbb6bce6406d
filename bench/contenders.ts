/** Everything that is measured. A name is also that of its module in peers/, or of its program. */
export type Contender = (typeof CONTENDERS)[number];

/** In the order in which tables show them: what there is to compare with, and then ours. */
export const CONTENDERS = [
  "node-http2",
  "node-http",
  "node-tls",
  "fastify",
  "connect-node",
  "grpc-js",
  "grpc-js-cleartext",
  "armeria",
  "connect-go",
  "grpc-go",
  "engine",
  "bare",
  "bare-cleartext",
  "service",
  "channel",
  "channel-one",
  "by-hand",
  "domain-types",
] as const;

/** What a contender is, for those who read the results. */
export const DESCRIPTIONS: Readonly<Record<Contender, string>> = {
  "node-http2": "node:http2 alone: sends the same bytes back, and knows no RPC",
  "node-http": "node:http alone: sends the same bytes back",
  "node-tls": "node:tls alone: shakes hands, and does nothing else",
  fastify: "Fastify on node:http, with schemas",
  "connect-node": "connect-node on node:http2, and on node:http for HTTP/1.1",
  "grpc-js": "@grpc/grpc-js",
  "grpc-js-cleartext": "the same in cleartext, in a row over TLS",
  armeria: "Armeria on the JVM, after 400,000 calls",
  "connect-go": "connect-go on net/http",
  "grpc-go": "grpc-go",
  engine: "Portico's HTTP/2 engine alone: sends the same bytes back",
  bare: "Portico's port with RPCs alone",
  "bare-cleartext": "the same in cleartext, in a row over TLS",
  service: "Portico's name service, without its history: request id, deadline, context, a line in a file for each call",
  channel: "Portico's client with its defaults; where CPU time counts, on a static target of two servers",
  "channel-one": "the same on the URL of one server",
  "by-hand": "messages mapped to BSON's types, and back, by code written for it; in calls on Portico's port alone",
  "domain-types": "the same by `withDomainTypes`, and what is generated for it",
};

/** Whose server a contender is that serves in cleartext beside it, in rows over TLS. */
export const OVER_TLS: Readonly<Partial<Record<Contender, Contender>>> = {
  "grpc-js-cleartext": "grpc-js",
  "bare-cleartext": "bare",
};

/** Sends back what it gets, instead of a name in upper case. */
export function isEcho(contender: Contender): boolean {
  return contender === "node-http2" || contender === "node-http" || contender === "engine";
}

/** Answers calls; what does not has a connection for nothing but the handshake. */
export function takesCalls(contender: Contender): boolean {
  return contender !== "node-tls";
}

/** Calls that a contender needs before it is as fast as it will be, beyond those that everybody gets. */
export function warmUpCalls(contender: Contender): number {
  return contender === "armeria" ? 400_000 : 0;
}
