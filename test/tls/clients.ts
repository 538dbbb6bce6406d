import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { Client, credentials } from "@grpc/grpc-js";
import { createChannel } from "portico/client";
import { NameService, ProcessNameRequestSchema, ProcessNameResponseSchema } from "../../gen/name/v1/name_pb.js";
import type { Pair } from "../../tools/certificates/authority.ts";
import { findProgram, noteOn, runProgram } from "../peers/programs.ts";
import { openFolder } from "./folder.ts";

/** Whom a client calls, whom it trusts, and what it shows. */
export interface Asked {
  /** Begins with `https:` for TLS, and with `http:` for cleartext; the host is 127.0.0.1. */
  readonly url: string;
  /** Authorities, in PEM. */
  readonly trusts: string;
  readonly shows?: Pair | undefined;
}

/** Clients that say the same in the same words. */
export type Family = "portico" | "grpc-js" | "curl" | "grpcurl";

export interface ClientOfAKind {
  readonly name: string;
  readonly family: Family;
  /** It is a program that is not there. */
  readonly isMissing: boolean;
  /** Has `ada` processed: `ADA`, or what the client shows of its failure. */
  call(asked: Asked): Promise<string>;
}

/** Less than a test has. */
const CALL_SECONDS = 10;

function channel(protocol: "grpc" | "grpc-web" | "connect", httpVersion: "1.1" | "2"): ClientOfAKind {
  return {
    name: `a channel, ${protocol} over HTTP/${httpVersion}`,
    family: "portico",
    isMissing: false,
    async call({ url, trusts, shows }) {
      const tls = isSecure(url) && { ca: trusts, ...shows };
      const options = { protocol, httpVersion, timeoutMs: CALL_SECONDS * 1000, ...(tls && { tls }) };
      await using opened = createChannel(url, options);
      const answer = createClient(NameService, opened).processName({ name: "ada" });
      return await answer.then(
        ({ name }) => name,
        (error: Error) => error.message,
      );
    },
  };
}

const grpcJs: ClientOfAKind = {
  name: "@grpc/grpc-js",
  family: "grpc-js",
  isMissing: false,
  call({ url, trusts, shows }) {
    const pair = shows === undefined ? [] : [Buffer.from(shows.key), Buffer.from(shows.cert)];
    const security = isSecure(url) ? credentials.createSsl(Buffer.from(trusts), ...pair) : credentials.createInsecure();
    // Its server name is the host, and Node takes no address for one (RFC 6066, 3).
    const client = new Client(new URL(url).host, security, { "grpc.ssl_target_name_override": "localhost" });
    const called = new Promise<string>((resolve) => {
      client.makeUnaryRequest(
        "/name.v1.NameService/ProcessName",
        (name: string) => Buffer.from(toBinary(ProcessNameRequestSchema, create(ProcessNameRequestSchema, { name }))),
        (bytes) => fromBinary(ProcessNameResponseSchema, Uint8Array.from(bytes)).name,
        "ada",
        { deadline: Date.now() + CALL_SECONDS * 1000 },
        (error, name) => resolve(error?.message ?? name ?? "neither an answer nor an error"),
      );
    });
    return called.finally(() => client.close());
  },
};

interface Files {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

function program(family: Family, how: string, argumentsFor: (asked: Asked, files: Files) => readonly string[]) {
  const path = findProgram(family);
  return {
    name: noteOn(family, path) + how,
    family,
    isMissing: path === undefined,
    async call(asked: Asked): Promise<string> {
      await using folder = await openFolder();
      const ca = await folder.write("ca.crt", asked.trusts);
      const pair = await folder.writePair("client", asked.shows ?? { cert: "", key: "" });
      const { stdout, stderr } = await runProgram(path ?? "", argumentsFor(asked, { ca, ...pair }));
      return /"name": ?"ADA"/.test(stdout) ? "ADA" : `${stdout}${stderr}`.trim();
    },
  };
}

/**
 * It asks by GET: curl 7.88 often loses an answer over HTTP/2 that comes before its body was read (RFC 9113, 8.1).
 *
 * @param further arguments before all others, such as `--tls-max`
 */
export function curl(httpVersion: "1.1" | "2", ...further: readonly string[]): ClientOfAKind {
  const how = [` over HTTP/${httpVersion}`, ...further].join(" ");
  return program("curl", how, ({ url, shows }, { ca, cert, key }) => [
    ...further,
    ...["--silent", "--show-error", "--max-time", String(CALL_SECONDS), "--cacert", ca],
    ...(shows === undefined ? [] : ["--cert", cert, "--key", key]),
    httpVersion === "1.1" ? "--http1.1" : isSecure(url) ? "--http2" : "--http2-prior-knowledge",
    ...["--write-out", " %{http_code}"],
    `${url}/name.v1.NameService/ProcessName?connect=v1&encoding=json&message=${encodeURIComponent('{"name":"ada"}')}`,
  ]);
}

/** It waits for a connection for as long as it may, whatever has become of the ones before. */
const GRPCURL_CONNECT_SECONDS = 2;

const grpcurl = program("grpcurl", "", ({ url, shows }, { ca, cert, key }) => [
  ...["-connect-timeout", String(GRPCURL_CONNECT_SECONDS), "-max-time", String(CALL_SECONDS)],
  ...(isSecure(url) ? ["-cacert", ca] : ["-plaintext"]),
  ...(shows === undefined ? [] : ["-cert", cert, "-key", key]),
  ...["-import-path", "proto", "-proto", "name/v1/name.proto", "-d", '{"name":"ada"}'],
  ...[new URL(url).host, "name.v1.NameService/ProcessName"],
]);

function isSecure(url: string): boolean {
  return url.startsWith("https:");
}

/** Every client that can be told whom to trust and what to show. */
export const CLIENTS: readonly ClientOfAKind[] = [
  channel("grpc", "2"),
  channel("grpc-web", "2"),
  channel("connect", "2"),
  channel("grpc-web", "1.1"),
  channel("connect", "1.1"),
  grpcJs,
  curl("2"),
  curl("1.1"),
  grpcurl,
];

/** Whether a client of the family is here. */
export function isHere(family: Family): boolean {
  return CLIENTS.some((client) => client.family === family && !client.isMissing);
}
