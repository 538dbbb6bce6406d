import { Code, ConnectError } from "@connectrpc/connect";
import type { AccessRule } from "portico";
import { fake, startTest } from "portico/testing";
import { describe, expect, test } from "vitest";
import { GreeterService } from "../../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../../gen/name/v1/name_pb.js";
import { greeter } from "./service.ts";

const upperCase = fake(NameService, { processName: ({ name }) => ({ name: name.toUpperCase() }) });

test("greets by the name that the name service makes, over gRPC and over REST", async () => {
  await using app = await startTest(greeter, { fakes: { NAME_URL: upperCase } });
  await expect(app.client(GreeterService).sayHello({ name: "test" })).resolves.toMatchObject({
    greeting: "Hello, TEST!",
  });
  const response = await app.fetch("/api/v1/say-hello?name=test");
  expect(await response.json()).toBe("Hello, TEST!");
  expect(app.logs.map(({ message }) => message)).toContain("action=say_hello, status=success, hello=Hello, TEST!");
});

test("greets over REST only whom it would greet by its method", async () => {
  const caller = "spiffe://example.org/caller";
  const statusFor = async (to: AccessRule["to"]) => {
    const guarded = { ...greeter, access: () => [{ to, from: caller }] as const };
    await using app = await startTest(guarded, { identity: caller, fakes: { NAME_URL: upperCase } });
    return (await app.fetch("/api/v1/say-hello?name=test")).status;
  };
  const { sayHello, sayHelloToEach } = GreeterService.method;
  expect(await statusFor(["http", sayHello])).toBe(200);
  expect(await statusFor(["http", sayHelloToEach])).toBe(403);
  expect(await statusFor(sayHello)).toBe(403); // the rules have to let the web application be used as well
});

test("greets each in order, and refuses more than 100 before the first", async () => {
  await using app = await startTest(greeter, { fakes: { NAME_URL: upperCase } });
  const client = app.client(GreeterService);
  const greetings: string[] = [];
  for await (const { greeting } of client.sayHelloToEach({ names: ["a", "b"] })) {
    greetings.push(greeting);
  }
  expect(greetings).toEqual(["Hello, A!", "Hello, B!"]);
  const tooMany = client.sayHelloToEach({ names: Array.from({ length: 101 }, () => "a") });
  await expect(tooMany[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: Code.InvalidArgument });
});

test("keeps a failure of the name service to itself", async () => {
  const failing = fake(NameService, {
    processName() {
      throw new ConnectError("the secret of the database", Code.NotFound, { "x-secret": "1" });
    },
  });
  await using app = await startTest(greeter, { fakes: { NAME_URL: failing } });
  const error = await app.client(GreeterService).sayHello({ name: "a" }).catch(ConnectError.from);
  expect(error).toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
  expect(error).toHaveProperty("metadata");
  expect(JSON.stringify(app.logs)).toContain("the secret of the database");
});

describe("NAME_URL", () => {
  test.each([
    "http://localhost:50051",
    "https://name.example",
    "dns:///name:50051",
    "dns:name:50051",
    "static:///10.0.0.1:50051,[::1]:50051",
  ])("may be %s", async (target) => {
    await using app = await startTest(greeter, { config: { NAME_URL: target } });
    expect(app.url).toMatch(/^http:/);
  });

  test.each(["name:50051", "localhost", "dns:///name", "static:///10.0.0.1", "grpc://name:50051"])(
    "may not be %s, in one line that says what it may be",
    async (target) => {
      await expect(startTest(greeter, { config: { NAME_URL: target } })).rejects.toThrow(
        /^greeter cannot start: a setting is wrong\n {2}NAME_URL=".*": the target ".*; a target is a URL such as .*$/,
      );
    },
  );
});
