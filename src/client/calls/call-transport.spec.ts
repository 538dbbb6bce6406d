import { gzipSync } from "node:zlib";
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type Interceptor,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from "@connectrpc/connect";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { createTransport as createConnect } from "@connectrpc/connect/protocol-connect";
import { createTransport as createGrpc } from "@connectrpc/connect/protocol-grpc";
import { createTransport as createGrpcWeb } from "@connectrpc/connect/protocol-grpc-web";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NameService, ProcessNameResponseSchema, ProcessNamesResponseSchema } from "../../../gen/name/v1/name_pb.js";
import { testTransport } from "../../../test/support/call-transport.ts";
import { brotli, gzip } from "../../wire/compression.ts";
import { envelope } from "../../wire/envelope.ts";
import type { RpcProtocol } from "../../wire/protocol.ts";
import type { HttpTarget } from "../connections/http-request.ts";

// The same answers are given to Connect's own transports and to ours: what comes of them has to be the same. Theirs are given
// them byte by byte. Of what comes in one piece Connect finds all envelopes before it reads the first, so that a later one
// that is too large hides what an earlier one says: with ours nothing depends on how an answer is cut. Where ours differs for
// a reason, `differing` has it.

const URL_HERE = new URL("http://target.test/base");
const READ_MAX_BYTES = 1000;

type Lines = readonly (readonly [name: string, value: string])[];

/** An answer, as a server could give it. */
interface Script {
  readonly status: number;
  readonly header: Lines;
  readonly body: Uint8Array;
  readonly trailer: Lines;
}

/** Where a body is cut. */
type Cut = (body: Uint8Array) => readonly Uint8Array[];

interface Sent {
  readonly method: string;
  readonly url: string;
  readonly header: Readonly<Record<string, string>>;
  readonly body: string;
}

function connectTransport(
  protocol: RpcProtocol,
  script: Script,
  cut: Cut,
  sent: Sent[],
  options: object = {},
): Transport {
  const httpClient: UniversalClientFn = async ({ method, url, header, body }) => {
    const upload: Uint8Array[] = [];
    for await (const bytes of body ?? []) upload.push(bytes);
    sent.push({ method, url, header: Object.fromEntries(header), body: Buffer.concat(upload).toString("base64") });
    const trailer = new Headers();
    async function* parts() {
      yield* cut(script.body);
      for (const [name, value] of script.trailer) trailer.append(name, value);
    }
    return {
      status: script.status,
      header: new Headers(script.header.map(([n, v]) => [n, v])),
      body: parts(),
      trailer,
    };
  };
  const make = { grpc: createGrpc, "grpc-web": createGrpcWeb, connect: createConnect }[protocol];
  return make({
    baseUrl: URL_HERE.href,
    httpClient,
    useBinaryFormat: true,
    interceptors: [],
    acceptCompression: [gzip, brotli],
    sendCompression: null,
    compressMinBytes: 1024,
    readMaxBytes: READ_MAX_BYTES,
    writeMaxBytes: 0xffffffff,
    defaultTimeoutMs: 60_000,
    ...options,
  });
}

function ourTransport(
  protocol: RpcProtocol,
  script: Script,
  cut: Cut,
  sent: Sent[],
  options: Parameters<typeof testTransport>[2] = {},
): Transport {
  const target: HttpTarget = {
    origin: URL_HERE.origin,
    request(head, body, listener) {
      const upload: Uint8Array[] = body ? [body] : [];
      let isOver = false;
      const answer = async () => {
        const steps = [
          () =>
            listener.onHead(
              script.status,
              script.header.map(([name, value]) => ({ name, value })),
            ),
          ...cut(script.body).map((part) => () => listener.onData(part)),
          () =>
            script.trailer.length > 0 && listener.onTrailers(script.trailer.map(([name, value]) => ({ name, value }))),
          () => listener.onEnd(),
        ];
        for (const step of steps) {
          await undefined;
          if (!isOver) step();
        }
      };
      const finish = () => {
        const header = Object.fromEntries(
          [...head.fields, ...(head.more ?? [])].filter(([name]) => !name.startsWith(":")),
        );
        const text = Buffer.concat(upload).toString("base64");
        sent.push({ method: head.method, url: new URL(head.path, URL_HERE).href, header, body: text });
        void answer();
      };
      if (body === undefined) {
        queueMicrotask(() => listener.onOpen());
      } else {
        finish();
      }
      return {
        send(bytes, isLast) {
          upload.push(bytes);
          if (isLast) finish();
          return true;
        },
        consumed: () => undefined,
        cancel() {
          isOver = true;
        },
      };
    },
    close: () => undefined,
  };
  return testTransport(target, URL_HERE, { protocol, readMaxBytes: READ_MAX_BYTES, ...options }).transport;
}

/** Passes copies on, as many interceptors do. */
const passing: Interceptor = (next) => async (request) => {
  const response = await next({ ...request, header: new Headers(request.header) });
  return { ...response };
};

function shown(error: unknown) {
  if (!(error instanceof ConnectError)) return { error: String(error) };
  const { code, metadata, details } = error;
  const rawMessage = error.rawMessage.replace(/ \(target .*\)$/, ""); // where the time went, which only ours says
  return { code, rawMessage, metadata: [...metadata], details: structuredClone(details) };
}

/** What Connect's suite has as internal or unknown: an answer that was cut off is nobody's wrong argument. */
const CUT_OFF = /^protocol error: (incomplete envelope|missing EndStreamResponse|promised \d+ bytes, received \d+)$/;

/** What ours has to come to, where Connect's own transport comes to this. */
function differing<T extends object>(theirs: T): T {
  return "rawMessage" in theirs && CUT_OFF.test(String(theirs.rawMessage))
    ? { ...theirs, code: Code.Internal }
    : theirs;
}

function part({ header, trailer }: UnaryResponse | StreamResponse) {
  return { header: [...header], trailer: [...trailer] };
}

async function unary(transport: Transport) {
  try {
    const response = await transport.unary(NameService.method.processName, undefined, undefined, undefined, {
      name: "a",
    });
    return { ...part(response), message: response.message };
  } catch (error) {
    return shown(error);
  }
}

async function stream(transport: Transport) {
  const names: string[] = [];
  async function* input() {
    yield { name: "a" };
    yield { name: "b" };
  }
  try {
    const response = await transport.stream(NameService.method.processNames, undefined, undefined, undefined, input());
    for await (const { name } of response.message) names.push(name);
    return { ...part(response), names };
  } catch (error) {
    return { ...shown(error), names };
  }
}

const message = (name: string) => toBinary(ProcessNameResponseSchema, create(ProcessNameResponseSchema, { name }));
const GOOD = message("A");
const details = (bytes: string) =>
  [
    ["grpc-status", "9"],
    ["grpc-status-details-bin", bytes],
  ] as const;
const text = (value: string) => new TextEncoder().encode(value);

const whole: Cut = (body) => (body.length === 0 ? [] : [body]);
const bytewise: Cut = (body) => [...body].map((byte) => Uint8Array.of(byte));
const inThirds: Cut = (body) =>
  [0, 1, 2].map((third) => body.subarray((body.length * third) / 3, (body.length * (third + 1)) / 3));

const HEADS: Readonly<Record<RpcProtocol, Lines>> = {
  grpc: [["content-type", "application/grpc+proto"]],
  "grpc-web": [["content-type", "application/grpc-web+proto"]],
  connect: [["content-type", "application/proto"]],
};

const web = (value: string) => envelope(0x80, text(value));
const end = (value: string) => envelope(2, text(value));

/** Bodies that are tried with every head, and behind every other one. */
const PARTS: readonly Uint8Array[] = [
  envelope(0, GOOD),
  envelope(0, message("B")),
  envelope(1, gzipSync(GOOD)),
  envelope(1, text("no gzip")),
  envelope(1, gzipSync(Buffer.alloc(20_000))),
  envelope(0, text("\xff\xff\xff")),
  envelope(0, new Uint8Array(0)),
  envelope(0, new Uint8Array(READ_MAX_BYTES + 1)),
  envelope(0, GOOD).subarray(0, 3),
  envelope(0, GOOD).subarray(0, 5),
  envelope(0, GOOD).subarray(0, 6),
  envelope(4, GOOD),
  web("grpc-status: 0\r\n"),
  web("grpc-status: 5\r\ngrpc-message: not%20there\r\nx-more: 1\r\n"),
  web("x-more: 1\r\n"),
  web("no line at all"),
  end("{}"),
  end('{"metadata":{"x-more":["1","2"]}}'),
  end(
    '{"error":{"code":"not_found","message":"gone","details":[{"type":"a.B","value":"AQI"}]},"metadata":{"x-more":["1"]}}',
  ),
  end('{"error":{"code":"what"}}'),
  end('{"metadata":[]}'),
  end("no json"),
  new Uint8Array(0),
  GOOD,
  text('{"code":"aborted","message":"was","details":[{"type":"a.B","value":"AQI","debug":{}}]}'),
  text('{"code":7}'),
  text("no json"),
  gzipSync(GOOD),
  gzipSync(Buffer.alloc(20_000)),
  new Uint8Array(READ_MAX_BYTES + 1),
];

const HEADERS: readonly Lines[] = [
  [],
  [
    ["grpc-encoding", "gzip"],
    ["connect-content-encoding", "gzip"],
    ["content-encoding", "gzip"],
  ],
  [
    ["grpc-encoding", "zstd"],
    ["connect-content-encoding", "zstd"],
    ["content-encoding", "zstd"],
  ],
  [
    ["grpc-encoding", "identity"],
    ["connect-content-encoding", "Identity"],
    ["content-encoding", "identity"],
  ],
  [["grpc-status", "0"]],
  [
    ["grpc-status", "5"],
    ["grpc-message", "not%20there"],
    ["x-more", "1"],
  ],
  [["grpc-status", "99"]],
  details("CAkSBG9vcHMaDQoDYS9CEgYKBA"),
  details("not base64!"),
  [
    ["x-a", "1"],
    ["x-a", "2"],
    ["trailer-x-b", "3"],
    ["trailer-x-b", "4"],
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
  ],
  [["content-length", "3"]],
  [["content-length", "100000"]],
  [["content-length", "no"]],
];

const TYPES = [
  "application/grpc",
  "application/grpc+json",
  "application/grpc-web+proto",
  "application/json",
  "application/json; charset=utf-8",
  "application/connect+proto",
  "application/connect+json",
  "application/proto",
  "text/html",
  "",
];

const TRAILERS: readonly Lines[] = [
  [],
  [["grpc-status", "0"]],
  [
    ["grpc-status", "0"],
    ["x-sum", "1"],
    ["x-sum", "2"],
  ],
  [
    ["grpc-status", "5"],
    ["grpc-message", "not%20there"],
    ["x-more", "1"],
  ],
  [["grpc-status", "nonsense"]],
  [["grpc-message", "only"]],
  details("CAkSBG9vcHM"),
];

const anyBody = fc
  .array(fc.constantFrom(...PARTS), { minLength: 0, maxLength: 4 })
  .map((parts) => Buffer.concat(parts));
const anyCut = fc.constantFrom(whole, whole, bytewise, inThirds);

function anyScript(protocol: RpcProtocol): fc.Arbitrary<Script> {
  const type = fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    { weight: 4, arbitrary: fc.constantFrom(...TYPES) },
  );
  const statuses = fc.oneof(
    { weight: 8, arbitrary: fc.constant(200) },
    { weight: 2, arbitrary: fc.constantFrom(201, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504) },
  );
  return fc
    .record({
      status: statuses,
      more: fc.constantFrom(...HEADERS),
      type,
      body: anyBody,
      trailer: fc.constantFrom(...TRAILERS),
    })
    .map(({ status, more, type: given, body, trailer }) => ({
      status,
      header: [
        ...(given === undefined ? HEADS[protocol] : given === "" ? [] : ([["content-type", given]] as const)),
        ...more,
      ],
      body,
      trailer,
    }));
}

describe.each(["grpc", "grpc-web", "connect"] as const)("%s", (protocol) => {
  test("unary answers, right and wrong, come to what they come to with Connect's own transport", async () => {
    await fc.assert(
      fc.asyncProperty(anyScript(protocol), anyCut, async (script, cut) => {
        const [theirs, ours, intercepted] = await Promise.all([
          unary(connectTransport(protocol, script, protocol === "connect" ? cut : bytewise, [])),
          unary(ourTransport(protocol, script, cut, [])),
          unary(ourTransport(protocol, script, cut, [], { interceptors: [passing] })),
        ]);
        expect(ours).toEqual(differing(theirs));
        expect(intercepted).toEqual(differing(theirs));
      }),
      { numRuns: 1500 },
    );
  });

  test("answers of streams, right and wrong, come to what they come to with Connect's own transport", async () => {
    const isConnect = protocol === "connect";
    await fc.assert(
      fc.asyncProperty(anyScript(protocol), anyCut, async (given, cut) => {
        const header = given.header.map(([name, value]) =>
          isConnect && value === "application/proto"
            ? ([name, "application/connect+proto"] as const)
            : ([name, value] as const),
        );
        const script = { ...given, header };
        const [theirs, ours, intercepted] = await Promise.all([
          stream(connectTransport(protocol, script, bytewise, [])),
          stream(ourTransport(protocol, script, cut, [])),
          stream(ourTransport(protocol, script, cut, [], { interceptors: [passing] })),
        ]);
        expect(ours).toEqual(differing(theirs));
        expect(intercepted).toEqual(differing(theirs));
      }),
      { numRuns: 1500 },
    );
  });
});

const RIGHT: Readonly<Record<RpcProtocol, Script>> = {
  grpc: { status: 200, header: HEADS.grpc, body: envelope(0, GOOD), trailer: [["grpc-status", "0"]] },
  "grpc-web": {
    status: 200,
    header: HEADS["grpc-web"],
    body: Buffer.concat([envelope(0, GOOD), web("grpc-status: 0\r\n")]),
    trailer: [],
  },
  connect: { status: 200, header: HEADS.connect, body: GOOD, trailer: [] },
};

describe("requests", () => {
  const SETTINGS = [
    ["as they are", {}, {}],
    ["compressed", { sendCompression: gzip, compressMinBytes: 0 }, { sendCompression: gzip, compressMinBytes: 0 }],
    ["too small to be compressed", { sendCompression: brotli }, { sendCompression: brotli }],
    ["in JSON", { useBinaryFormat: false }, { format: "json" }],
    ["as GET", { useHttpGet: true }, { useHttpGet: true }],
    [
      "as GET, in JSON and compressed",
      { useHttpGet: true, useBinaryFormat: false, sendCompression: gzip, compressMinBytes: 0 },
      { useHttpGet: true, format: "json", sendCompression: gzip, compressMinBytes: 0 },
    ],
  ] as const;
  const OWN = [
    undefined,
    { "X-A": " 1 ", "user-agent": "me" },
    { "x-user-agent": "me", te: "trailers", "content-type": "text/plain" },
    [
      ["x-a", "1"],
      ["x-a", "2"],
    ] as [string, string][],
  ];

  test.each(SETTINGS)("%s, are Connect's own", async (_name, theirOptions, ourOptions) => {
    for (const protocol of ["grpc", "grpc-web", "connect"] as const) {
      for (const own of OWN) {
        for (const timeoutMs of [undefined, 500, -1]) {
          const [theirs, ours]: [Sent[], Sent[]] = [[], []];
          const isJson = "useBinaryFormat" in theirOptions;
          const script =
            isJson && protocol === "connect"
              ? {
                  ...RIGHT.connect,
                  header: [["content-type", "application/json"]] as const,
                  body: text(
                    toJsonString(ProcessNamesResponseSchema, create(ProcessNamesResponseSchema, { name: "A" })),
                  ),
                }
              : RIGHT[protocol];
          const call = (transport: Transport) =>
            transport.unary(NameService.method.processName, undefined, timeoutMs, own, { name: "ada" }).catch(shown);
          const [their, our] = await Promise.all([
            call(connectTransport(protocol, script, whole, theirs, theirOptions)),
            call(ourTransport(protocol, script, whole, ours, ourOptions)),
          ]);
          // Their header holds the default time-out only where the channel puts it there; ours always does.
          const name = protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout";
          const limit = timeoutMs === 500 ? "500" : "60000";
          const header = { ...theirs[0]?.header, [name]: protocol === "connect" ? limit : `${limit}m` };
          expect(ours).toEqual([{ ...theirs[0], header }]);
          expect("message" in our && our.message).toEqual("message" in their && their.message);
        }
      }
    }
  });

  test("without a time-out of the channel name one only where the call does", async () => {
    for (const protocol of ["grpc", "grpc-web", "connect"] as const) {
      for (const interceptors of [[], [passing]]) {
        const sent: Sent[] = [];
        const options = { timeoutMs: Number.POSITIVE_INFINITY, interceptors };
        const transport = ourTransport(protocol, RIGHT[protocol], whole, sent, options);
        await transport.unary(NameService.method.processName, undefined, undefined, { "x-a": "1" }, {});
        await transport.unary(NameService.method.processName, undefined, 500, { "x-a": "1" }, {});
        const name = protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout";
        expect(sent.map(({ header }) => header[name])).toEqual([undefined, protocol === "connect" ? "500" : "500m"]);
      }
    }
  });

  test("are compressed from the limit on, the empty message included where that is 0", async () => {
    const sent: Sent[] = [];
    const call = async (compressMinBytes: number) => {
      const options = { sendCompression: gzip, compressMinBytes };
      const transport = ourTransport("connect", RIGHT.connect, whole, sent, options);
      await transport.unary(NameService.method.processName, undefined, undefined, undefined, {});
    };
    await call(0);
    await call(1);
    expect(sent.map(({ header }) => header["content-encoding"])).toEqual(["gzip", undefined]);
  });
});
