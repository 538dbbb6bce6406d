import { create, createFileRegistry } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorSetSchema,
  StringValueSchema,
} from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { SayHelloRequestSchema } from "../../gen/greeter/v1/greeter_pb.js";
import { ActiveCall } from "../call/call.ts";
import { systemClock } from "../call/clock.ts";
import { runInCall } from "../call/current.ts";
import { createTasks } from "../call/tasks.ts";
import { createLogger, type LogFormat, type LogLevel } from "./logger.ts";

function capture(options: { readonly level?: LogLevel; readonly format?: LogFormat } = {}) {
  const lines: string[] = [];
  const log = createLogger({
    name: "orders",
    level: "info",
    format: "json",
    colors: false,
    destination: { write: (line) => void lines.push(line) },
    ...options,
  });
  /** The last line, which has to be the only one since the last time. */
  const read = () => {
    expect(lines).toHaveLength(1);
    return JSON.parse(lines.pop() ?? "") as Record<string, unknown>;
  };
  const call = (secrets: readonly string[] = []) =>
    new ActiveCall({
      requestId: "r-1",
      log,
      clock: systemClock,
      tasks: createTasks(log),
      peer: { address: "203.0.113.9" },
      companions: new Map(),
      secrets,
    });
  return { log, lines, read, call };
}

test("a line has time, level, name and message, and is one line of JSON", () => {
  const { log, lines, read } = capture();
  log.info("a\nb\u001b[31m");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(lines[0]).toMatch(/^\{[^\n\u001b]*\}\n$/);
  expect(read()).toEqual({
    levelname: "INFO",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    name: "orders",
    message: "a\nb\u001b[31m",
  });
});

test("characters that some terminals obey are escaped, and JSON all the same", () => {
  const { log, lines, read } = capture();
  log.info("a\u009b31mb\u0085c\u2028d\u007f");
  expect(lines[0]).not.toMatch(/[\u007f-\u009f\u2028]/);
  expect(read()["message"]).toBe("a\u009b31mb\u0085c\u2028d\u007f");
});

test("a level below the one that is set writes nothing", () => {
  const { log, lines } = capture({ level: "warn" });
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  expect(lines).toHaveLength(2);
});

test("inside a call every line carries its request id, under every name, and none outside", () => {
  const { log, read, call } = capture();
  runInCall(call(), () => log.info({ a: 1 }, "in"));
  expect(read()).toMatchObject({ request_id: "r-1", a: 1, message: "in" });
  runInCall(call(), () => log.named("orders.access").info("in"));
  expect(read()).toMatchObject({ request_id: "r-1", name: "orders.access" });
  log.info("out");
  expect(read()).not.toHaveProperty("request_id");
});

test("fields that a handler logs cannot pass for the logger's own", () => {
  const { log, lines, read, call } = capture();
  runInCall(call(), () => log.info({ name: "TEST", time: "now", levelname: "ERROR", request_id: "forged" }, "hello"));
  expect(lines[0]?.match(/"(?:name|time|levelname|request_id)":/g)).toHaveLength(4);
  expect(read()).toMatchObject({
    name: "orders",
    levelname: "INFO",
    request_id: "r-1",
    name_: "TEST",
    time_: "now",
    levelname_: "ERROR",
  });
});

test("a call's secrets appear in none of its lines, and in lines of others as they are", () => {
  const { log, lines, read, call } = capture();
  runInCall(call(["s3cr3t-token"]), () =>
    log.info({ url: "/a?b=s3cr3t%2Dtoken", err: new Error("s3cr3t-token") }, "s3cr3t-token"),
  );
  expect(lines[0]).not.toMatch(/s3cr3t/);
  expect(read()["message"]).toBe("[redacted]");
  log.info("s3cr3t-token");
  expect(read()["message"]).toBe("s3cr3t-token");
});

test("fields with a secret's name are hidden, at every depth and in any case", () => {
  const { log, read } = capture();
  const headers = new Headers({ Authorization: "Bearer x", accept: "a" });
  log.info({ headers, deep: [{ Cookie: "a=b", "Set-Cookie": ["c"] }], "proxy-authorization": { a: 1 } });
  expect(read()).toMatchObject({
    headers: { authorization: "[redacted]", accept: "a" },
    deep: [{ Cookie: "[redacted]", "Set-Cookie": "[redacted]" }],
    "proxy-authorization": "[redacted]",
  });
});

/** A schema in two files: the service's imports the one that has the redacted field. */
const files = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: [
      {
        name: "types.proto",
        package: "test",
        syntax: "proto3",
        messageType: [
          {
            name: "Login",
            field: [
              {
                name: "pass_word",
                jsonName: "passWord",
                number: 1,
                type: FieldDescriptorProto_Type.STRING,
                label: FieldDescriptorProto_Label.OPTIONAL,
                options: { debugRedact: true },
              },
            ],
          },
        ],
      },
      { name: "service.proto", package: "test", syntax: "proto3", dependency: ["types.proto"] },
    ],
  }),
);

test("what it learns are the schemas of the files that are given and of those that they import", () => {
  const { log, read } = capture();
  const login = files.getMessage("test.Login");
  const service = files.getFile("service.proto");
  if (login === undefined || service === undefined) {
    throw new Error("the schema is not there");
  }
  const message = create(login, { passWord: "hunter2" });
  log.info({ message_before: message, password_before: { pass_word: "hunter2" } });
  expect(read()).toMatchObject({ message_before: "test.Login", password_before: { pass_word: "hunter2" } });
  log.learn([service]);
  log.info({ login: message, a: { pass_word: "hunter2", passWord: "hunter2", PASSWORD: "hunter2" } });
  expect(read()).toMatchObject({
    login: { passWord: "[redacted]" },
    a: { pass_word: "[redacted]", passWord: "[redacted]", PASSWORD: "[redacted]" },
  });
  expect(log.secretNames().has("pass_word")).toBe(true);
});

test("a message is written as its schema's JSON once that is known, and by its type's name before", () => {
  const { log, read } = capture();
  log.info({ request: create(SayHelloRequestSchema, { name: "ada" }) });
  expect(read()["request"]).toBe("greeter.v1.SayHelloRequest");
  log.learn([SayHelloRequestSchema.file]);
  log.info({ request: create(SayHelloRequestSchema, { name: "ada" }) });
  expect(read()["request"]).toEqual({ name: "ada" });
  log.info({ request: create(StringValueSchema, { value: "a" }) });
  expect(read()["request"]).toBe("google.protobuf.StringValue");
});

test("an error is written with its type, code, stack and causes", () => {
  const { log, read } = capture();
  const root = new TypeError("root");
  log.error({ err: new ConnectError("no", Code.NotFound, undefined, undefined, new Error("middle", { cause: root })) });
  expect(read()["err"]).toEqual({
    type: "ConnectError",
    message: "[not_found] no",
    code: Code.NotFound,
    stack: expect.stringContaining("logger.spec.ts"),
    causes: ["Error: middle", "TypeError: root"],
  });
});

test("the errors that an AggregateError sums up are written, and causes that go in a circle end", () => {
  const { log, read } = capture();
  log.error({ err: new AggregateError([new Error("a"), new Error("b")], "several") });
  expect(read()["err"]).toMatchObject({ message: "several", causes: ["Error: a", "Error: b"] });
  const circle = new Error("circle");
  circle.cause = new Error("other", { cause: circle });
  log.error({ err: circle });
  expect(read()["err"]).toMatchObject({ causes: ["Error: other"] });
});

test("values that JSON does not know are written as something that can be read", () => {
  const { log, lines, read } = capture();
  const circle: { self?: unknown } = {};
  circle.self = circle;
  log.info({
    big: 2n ** 70n,
    bytes: new Uint8Array(4 * 1024 * 1024),
    url: new URL("http://a/b"),
    map: new Map([["a", 1]]),
    set: new Set(["a"]),
    at: new Date(0),
    circle,
  });
  expect(lines[0]?.length).toBeLessThan(1000);
  expect(read()).toMatchObject({
    big: "1180591620717411303424",
    bytes: "4194304 bytes",
    url: "http://a/b",
    map: { a: 1 },
    set: ["a"],
    at: "1970-01-01T00:00:00.000Z",
  });
});

test("`pretty` is for people: one line, and no JSON", () => {
  const { log, lines } = capture({ format: "pretty" });
  log.info("hello");
  expect(lines).toEqual([expect.stringMatching(/^[\d:.]{12} INFO {2}orders hello\n$/)]);
});

test("what is logged at `error` is written at once, in whichever form; other lines when that is asked for", () => {
  const seen: string[] = [];
  const log = createLogger({
    name: "orders",
    level: "debug",
    format: "json",
    colors: false,
    destination: {
      write: (line) => void seen.push((JSON.parse(line) as { message: string }).message),
      flush: () => void seen.push("flush"),
    },
  });
  log.info("a");
  log.warn({ b: 1 }, "b");
  log.error("c");
  log.named("other").error({ err: new Error("no") }, "d");
  log.flush();
  expect(seen).toEqual(["a", "b", "c", "flush", "d", "flush", "flush"]);
});

test("a field of ours that a schema hides is hidden in every line", () => {
  const { log, read, call } = capture();
  const STRING = { type: FieldDescriptorProto_Type.STRING, label: FieldDescriptorProto_Label.OPTIONAL };
  const field = { name: "request_id", number: 1, ...STRING, options: { debugRedact: true } };
  const file = { name: "a.proto", syntax: "proto3", messageType: [{ name: "Entry", field: [field] }] };
  const schema = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] })).getFile("a.proto");
  log.learn(schema === undefined ? [] : [schema]);
  runInCall(call(), () => log.info("a"));
  expect(read()).toMatchObject({ request_id: "[redacted]", message: "a" });
});
