// Long for its tables: both versions answer the same questions, and real tools ask them again over the wire.
import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http2";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { createFileRegistry, type DescService, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_descriptor,
  file_google_protobuf_timestamp,
} from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter, createClient, createRouterTransport } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import * as v1 from "../../gen/grpc/reflection/v1/reflection_pb.js";
import * as v1alpha from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { Health } from "../../gen/health/v1/health_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import type { Implementation } from "../wire/implement.ts";
import { reflectionServices } from "./reflection.ts";

type Request = MessageInitShape<typeof v1.ServerReflectionRequestSchema>;
type Question = NonNullable<Request["messageRequest"]>;

const buf = join(import.meta.dirname, "../../node_modules/.bin/buf");
const LibraryService = libraryService();
const served = [GreeterService, NameService, LibraryService, Health, v1.ServerReflection, v1alpha.ServerReflection];

// The one implementation answers both versions, whose generated messages differ in nothing but their package.
describe.each([
  ["v1", v1.ServerReflection],
  ["v1alpha", v1alpha.ServerReflection],
] as const)("reflection %s", (_version, Reflection) => {
  const client = createClient(
    // What holds for v1's client holds for v1alpha's, which the compiler cannot know: their $typeNames differ.
    Reflection as typeof v1.ServerReflection,
    createRouterTransport((router) => registerAll(router, reflectionServices(served))),
  );

  /** Asks the questions on one stream; gives the answer to each. */
  async function ask(...questions: Question[]) {
    const requests = questions.map((messageRequest) => ({ host: "a.test", messageRequest }));
    const responses = await collect(client.serverReflectionInfo(streamOf(requests)));
    expect(responses.map((response) => response.validHost)).toEqual(questions.map(() => "a.test"));
    return responses.map((response) => response.messageResponse);
  }

  /** Asks on one stream; gives the names of the files in each answer. */
  async function files(...questions: Question[]) {
    return (await ask(...questions)).map((answer) => {
      if (answer.case !== "fileDescriptorResponse") throw new Error(`answered with ${JSON.stringify(answer)}`);
      return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
    });
  }

  const symbol = (value: string): Question => ({ case: "fileContainingSymbol", value });
  const file = (value: string): Question => ({ case: "fileByFilename", value });
  const extension = (containingType: string, extensionNumber: number): Question => ({
    case: "fileContainingExtension",
    value: { containingType, extensionNumber },
  });
  const notFound = { case: "errorResponse", value: { errorCode: Code.NotFound } };
  const invalid = { case: "errorResponse", value: { errorCode: Code.InvalidArgument } };

  test("lists every service, its own and health included, sorted and each once", async () => {
    expect(await ask({ case: "listServices", value: "" })).toMatchObject([
      {
        case: "listServicesResponse",
        value: { service: served.map(({ typeName }) => ({ name: typeName })).sort(byName) },
      },
    ]);
  });

  test("gives a file by its name", async () => {
    expect(await files(file("greeter/v1/greeter.proto"))).toEqual([["greeter/v1/greeter.proto"]]);
  });

  test("gives the file asked for first, then its transitive imports, each once", async () => {
    expect(await files(symbol("library.LibraryService"))).toEqual([
      ["service.proto", "book.proto", "google/protobuf/timestamp.proto", "google/protobuf/descriptor.proto"],
    ]);
  });

  test("does not send an import again that the stream carried, but always the file asked for", async () => {
    expect(await files(file("book.proto"), symbol("library.LibraryService"), file("book.proto"))).toEqual([
      ["book.proto", "google/protobuf/timestamp.proto", "google/protobuf/descriptor.proto"],
      ["service.proto"],
      ["book.proto"],
    ]);
    expect(await files(symbol("library.Book"))).toMatchObject([{ length: 3 }]); // another stream starts afresh
  });

  test.each([
    ["a service", "library.LibraryService", "service.proto"],
    ["a method", "library.LibraryService.Find", "service.proto"],
    ["a message", "library.Book", "book.proto"],
    ["a nested message", "library.Book.Chapter", "book.proto"],
    ["a map's entry", "library.Book.TagsEntry", "book.proto"],
    ["a field", "library.Book.title", "book.proto"],
    ["a nested message's field", "library.Book.Chapter.pages", "book.proto"],
    ["a oneof", "library.Book.place", "book.proto"],
    ["an enum", "library.Genre", "book.proto"],
    ["an enum's value", "library.GENRE_POETRY", "book.proto"],
    ["a nested enum", "library.Book.Cover", "book.proto"],
    ["a nested enum's value", "library.Book.COVER_HARD", "book.proto"],
    ["an extension", "library.shelf", "book.proto"],
    ["a nested extension", "library.Book.sensitive", "book.proto"],
    ["an imported file's message", "google.protobuf.Timestamp", "google/protobuf/timestamp.proto"],
  ])("finds the file of %s", async (_kind, name, expected) => {
    expect((await files(symbol(name)))[0]?.[0]).toBe(expected);
  });

  test("finds the file of an extension by the message that it extends and its number", async () => {
    expect((await files(extension("google.protobuf.FieldOptions", 50_001)))[0]?.[0]).toBe("book.proto");
    expect((await files(extension("library.Book", 101)))[0]?.[0]).toBe("book.proto");
  });

  test("gives the numbers of all extensions of a message, none included", async () => {
    const numbers = (value: string): Question => ({ case: "allExtensionNumbersOfType", value });
    const answers = await ask(numbers("google.protobuf.FieldOptions"), numbers("greeter.v1.SayHelloRequest"));
    expect(answers).toMatchObject([
      {
        case: "allExtensionNumbersResponse",
        value: { baseTypeName: "google.protobuf.FieldOptions", extensionNumber: [50_001, 50_002] },
      },
      {
        case: "allExtensionNumbersResponse",
        value: { baseTypeName: "greeter.v1.SayHelloRequest", extensionNumber: [] },
      },
    ]);
    expect(await ask(numbers("no.such.Type"), numbers(""))).toMatchObject([notFound, invalid]);
  });

  test("answers not_found to what is unknown, and the stream goes on", async () => {
    const unknown = [
      file("greeter/v1/nothing.proto"),
      symbol("greeter.v1.Nothing"),
      symbol(".greeter.v1.GreeterService"),
      symbol("library.Genre.GENRE_POETRY"),
      symbol("constructor"),
      extension("google.protobuf.FieldOptions", 1),
      extension("no.such.Type", 50_001),
    ];
    expect(await ask(...unknown)).toMatchObject(unknown.map(() => notFound));
    expect(await ask(symbol("no.such.Symbol"), symbol("library.Book"))).toMatchObject([
      notFound,
      { case: "fileDescriptorResponse" },
    ]);
  });

  test("answers invalid_argument to a request that asks nothing", async () => {
    expect(await ask({ case: undefined }, file(""), symbol(""), extension("", 1))).toMatchObject([
      invalid,
      invalid,
      invalid,
      invalid,
    ]);
  });

  test("returns the request with its answer", async () => {
    const request = { host: "a.test", messageRequest: symbol("no.such.Symbol") };
    const [response] = await collect(client.serverReflectionInfo(streamOf([request])));
    expect(response?.originalRequest).toMatchObject(request);
  });

  test("answers a request while the next is still to come, and ends when the requests end", async () => {
    const answered = Promise.withResolvers<void>();
    async function* requests(): AsyncIterable<Request> {
      yield { messageRequest: symbol("library.Book") };
      await answered.promise;
      yield { messageRequest: symbol("library.Genre") };
    }
    let count = 0;
    for await (const { messageResponse } of client.serverReflectionInfo(requests())) {
      expect(messageResponse.case).toBe("fileDescriptorResponse");
      count++;
      answered.resolve();
    }
    expect(count).toBe(2);
    expect(await ask()).toEqual([]);
  });

  test("sends file descriptors whole: syntax, imports, options and names for JSON", async () => {
    const [answer] = await ask(symbol("greeter.v1.GreeterService.SayHello"));
    if (answer?.case !== "fileDescriptorResponse") throw new Error("no file came");
    const [bytes] = answer.value.fileDescriptorProto;
    const sent = fromBinary(FileDescriptorProtoSchema, bytes ?? new Uint8Array());
    expect(sent).toMatchObject({ name: "greeter/v1/greeter.proto", package: "greeter.v1", syntax: "proto3" });
    expect(sent.service[0]?.method[0]?.options?.idempotencyLevel).toBe(1);
    expect(sent.messageType[0]?.field[0]).toMatchObject({ name: "name", jsonName: "name" });
  });
});

test("the two reflection services are listed although nobody named them", async () => {
  const transport = createRouterTransport((router) => registerAll(router, reflectionServices([GreeterService])));
  const client = createClient(v1.ServerReflection, transport);
  const request = { messageRequest: { case: "listServices", value: "" } } as const;
  const [response] = await collect(client.serverReflectionInfo(streamOf([request])));
  expect(response?.messageResponse.value).toMatchObject({
    service: [
      { name: "greeter.v1.GreeterService" },
      { name: "grpc.reflection.v1.ServerReflection" },
      { name: "grpc.reflection.v1alpha.ServerReflection" },
    ],
  });
});

describe("over the wire", () => {
  const run = promisify(execFile);
  const grpcurl = findProgram("grpcurl", join(homedir(), "go", "bin"));
  // A service that is known at run time only has no types for its methods.
  const libraryMethods = { find: () => ({ title: "Faust", genre: 1 }) } as unknown as Implementation["methods"];
  const server = createServer(
    connectNodeAdapter({
      routes(router) {
        registerAll(router, [...reflectionServices(served), { service: LibraryService, methods: libraryMethods }]);
        router.service(GreeterService, { sayHello: ({ name }) => ({ greeting: `Hello, ${name.toUpperCase()}!` }) });
      },
    }),
  );
  let address = "";

  beforeAll(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const bound = server.address();
    if (bound === null || typeof bound === "string") throw new Error(`not a TCP address: ${bound}`);
    address = `127.0.0.1:${bound.port}`;
  });
  afterAll(() => {
    server.close();
  });

  async function bufCurl(path: string, ...options: string[]) {
    const { stdout } = await run(buf, ["curl", "--http2-prior-knowledge", ...options, `http://${address}${path}`]);
    return stdout;
  }

  test.each(["grpc", "grpcweb", "connect"])("buf curl calls by %s without a schema", async (protocol) => {
    const hello = await bufCurl("/greeter.v1.GreeterService/SayHello", "--protocol", protocol, "-d", '{"name":"ada"}');
    expect(JSON.parse(hello)).toEqual({ greeting: "Hello, ADA!" });
    const book = await bufCurl("/library.LibraryService/Find", "--protocol", protocol, "-d", "{}");
    expect(JSON.parse(book)).toEqual({ title: "Faust", genre: "GENRE_POETRY" });
  });

  test.each(["grpc-v1", "grpc-v1alpha"])("buf curl lists services and methods by %s", async (version) => {
    const services = await bufCurl("", "--list-services", "--reflect-protocol", version);
    expect(services.trim().split("\n").sort()).toEqual(served.map((service) => service.typeName).sort());
    const methods = await bufCurl("", "--list-methods", "--reflect-protocol", version);
    expect(methods).toContain("greeter.v1.GreeterService/SayHelloToEach");
  });

  describe.skipIf(grpcurl === undefined)(`with grpcurl${grpcurl === undefined ? " (not installed)" : ""}`, () => {
    const call = async (...args: string[]) => (await run(grpcurl ?? "", ["-plaintext", ...args])).stdout;

    test("it lists, describes and calls without a schema", async () => {
      expect((await call(address, "list")).trim().split("\n").sort()).toEqual(
        served.map((each) => each.typeName).sort(),
      );
      expect(await call(address, "list", "greeter.v1.GreeterService")).toContain("greeter.v1.GreeterService.SayHello");
      expect(await call(address, "describe")).toContain("rpc SayHelloToEach");
      const hello = await call("-d", '{"name":"ada"}', address, "greeter.v1.GreeterService/SayHello");
      expect(JSON.parse(hello)).toEqual({ greeting: "Hello, ADA!" });
      expect(JSON.parse(await call(address, "library.LibraryService/Find"))).toMatchObject({ title: "Faust" });
    });

    test.each([
      ["library.Book", "extensions 100 to 199;"],
      ["library.Book", '[(.library.marked) = "yes"]'],
      ["library.Book.Chapter", "int32 pages = 1;"],
      ["library.Genre", "GENRE_POETRY = 1;"],
      ["library.LibraryService.Find", "rpc Find ( .library.FindRequest ) returns ( .library.Book );"],
    ])("it describes %s: %s", async (symbol, description) => {
      expect(await call(address, "describe", symbol)).toContain(description);
    });

    test("it says so when a symbol is unknown", async () => {
      await expect(call(address, "describe", "no.such.Symbol")).rejects.toMatchObject({
        stderr: expect.stringContaining("Symbol not found"),
      });
    });
  });
});

/**
 * A schema with what the project's own lack: imports of imports, nesting, a map, a oneof, enums and extensions. Buf
 * compiles it; what it imports from google.protobuf is protobuf-es' own, as in generated code.
 */
function libraryService(): DescService {
  const sources = {
    "book.proto": `
      syntax = "proto2";
      package library;
      import "google/protobuf/timestamp.proto";
      import "google/protobuf/descriptor.proto";
      extend google.protobuf.FieldOptions { optional string marked = 50001; }
      extend Book { optional string shelf = 101; }
      enum Genre { GENRE_PROSE = 0; GENRE_POETRY = 1; }
      message Book {
        extensions 100 to 199;
        extend google.protobuf.FieldOptions { optional bool sensitive = 50002; }
        enum Cover { COVER_SOFT = 0; COVER_HARD = 1; }
        message Chapter { optional int32 pages = 1; }
        optional string title = 1 [(marked) = "yes"];
        optional Genre genre = 2;
        optional google.protobuf.Timestamp printed = 3;
        oneof place { string shelf_name = 4; }
        map<string, string> tags = 5;
      }`,
    "service.proto": `
      syntax = "proto3";
      package library;
      import "book.proto";
      message FindRequest {}
      service LibraryService { rpc Find(FindRequest) returns (Book); }`,
  };
  const folder = mkdtempSync(join(tmpdir(), "portico-library-"));
  try {
    for (const [name, source] of Object.entries(sources)) writeFileSync(join(folder, name), source);
    const image = execFileSync(buf, ["build", folder, "--exclude-source-info", "-o", "-"]);
    const { file: files } = fromBinary(FileDescriptorSetSchema, image);
    const imported = [file_google_protobuf_descriptor, file_google_protobuf_timestamp];
    const find = (name: string) => files.find((file) => file.name === name);
    const root = find("service.proto");
    const registry =
      root && createFileRegistry(root, (name) => imported.find((file) => file.proto.name === name) ?? find(name));
    const service = registry?.getService("library.LibraryService");
    if (service === undefined) throw new Error("the schema above has no such service");
    return service;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function registerAll(router: ConnectRouter, implementations: readonly Implementation[]) {
  for (const { service, methods } of implementations) router.service(service, methods);
}

async function* streamOf(requests: readonly Request[]): AsyncIterable<Request> {
  yield* requests;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function findProgram(name: string, ...alsoIn: string[]): string | undefined {
  const { PATH = "" } = process.env;
  return [...PATH.split(delimiter), ...alsoIn].map((folder) => join(folder, name)).find((path) => existsSync(path));
}
