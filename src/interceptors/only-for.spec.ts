import {
  createFileRegistry,
  createRegistry,
  type DescMethod,
  type DescService,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createClient, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { expect, expectTypeOf, test } from "vitest";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import type { MethodSelector } from "../call/method-selector.ts";
import { onlyFor } from "./only-for.ts";

/** The methods whose calls an interceptor sees that is limited to `selectors`. */
async function seen(selectors: MethodSelector | readonly MethodSelector[]): Promise<readonly string[]> {
  const names: string[] = [];
  const note: Interceptor = (next) => (request) => {
    names.push(request.method.name);
    return next(request);
  };
  const transport = createRouterTransport(
    (router) => {
      router.service(GreeterService, {
        sayHello: () => ({}),
        async *sayHelloToEach() {
          yield {};
        },
      });
      router.service(NameService, { processName: () => ({}) });
    },
    { transport: { interceptors: [onlyFor(selectors, note)] } },
  );
  const greeter = createClient(GreeterService, transport);
  await greeter.sayHello({});
  for await (const _greeting of greeter.sayHelloToEach({})) {
    // taken, so that the call ends
  }
  await createClient(NameService, transport).processName({});
  return names;
}

test.each([
  ["a method", GreeterService.method.sayHello, ["SayHello"]],
  ["a service", GreeterService, ["SayHello", "SayHelloToEach"]],
  ["several", [GreeterService.method.sayHelloToEach, NameService], ["SayHelloToEach", "ProcessName"]],
  ["a method that is named twice", [GreeterService.method.sayHello, GreeterService.method.sayHello], ["SayHello"]],
  ["a method and its service", [GreeterService.method.sayHello, GreeterService], ["SayHello", "SayHelloToEach"]],
  ["nothing", [], []],
])("it is limited to %s", async (_name, selectors, expected) => {
  expect(await seen(selectors)).toEqual(expected);
});

test("another copy of the same schema names the same methods", async () => {
  const copy = createFileRegistry(
    fromBinary(FileDescriptorProtoSchema, toBinary(FileDescriptorProtoSchema, GreeterService.file.proto)),
    (name) => GreeterService.file.dependencies.find(({ proto }) => proto.name === name)?.proto,
  );
  const method = createRegistry(copy).getService(GreeterService.typeName)?.methods[0];
  if (method === undefined) {
    throw new Error("the copy has no method");
  }
  expect(method).not.toBe(GreeterService.method.sayHello);
  expect(await seen(method)).toEqual(["SayHello"]);
});

test("methods are named by descriptors, which a compiler checks, and by nothing else", () => {
  expectTypeOf<MethodSelector>().toEqualTypeOf<DescService | DescMethod>();
  const none: Interceptor = (next) => next;
  onlyFor(GreeterService.method.sayHello, none);
  // @ts-expect-error a name is no descriptor
  expect(() => onlyFor("greeter.v1.GreeterService/SayHello", none)).not.toThrow();
  // @ts-expect-error a method that the service does not have
  expect(GreeterService.method.sayGoodbye).toBeUndefined();
});
