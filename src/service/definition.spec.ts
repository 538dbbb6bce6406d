import { createClient, createRouterTransport } from "@connectrpc/connect";
import { currentCall, defineService, implement, type Logger } from "portico";
import { expect, expectTypeOf, test } from "vitest";
import * as z from "zod";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";

test.each(["name", "a", "orders2", "order-items"])("%s is a name for a service", (name) => {
  expect(defineService({ name }).name).toBe(name);
});

test.each(["", "Orders", "2orders", "-orders", "order_items", "order items", "orders\n", "bücher"])(
  "%j is no name for a service, and the error says what is",
  (name) => {
    expect(() => defineService({ name })).toThrow(`"${name}" is no name for a service; use lower case letters`);
  },
);

test("a definition is what was given, with defaults for what was not, and nothing of it has run", () => {
  const never = () => {
    throw new Error("a definition only describes");
  };
  const options = { name: "orders", resources: never, routes: never, http: never, interceptors: never };
  expect(defineService(options)).toEqual({ kind: "portico.service", port: 8080, config: {}, ...options });
  expect(defineService({ ...options, port: 1 }).port).toBe(1);
});

test("the types of configuration reach resources, and those of resources reach routes", () => {
  const definition = defineService({
    name: "orders",
    config: { NAME_URL: z.url(), LIMIT: z.coerce.number(), TAGS: z.string().transform((text) => text.split(",")) },
    resources: async ({ config, log, use }) => {
      expectTypeOf(config.NAME_URL).toEqualTypeOf<string>();
      expectTypeOf(config.LIMIT).toEqualTypeOf<number>();
      expectTypeOf(config.TAGS).toEqualTypeOf<string[]>();
      expectTypeOf(config.PORT).toEqualTypeOf<number>();
      expectTypeOf(log).toEqualTypeOf<Logger>();
      const file = use({ [Symbol.dispose]: () => undefined, path: "/tmp" });
      expectTypeOf(file.path).toEqualTypeOf<string>();
      // @ts-expect-error what cannot be closed is no resource
      use({ path: "/tmp" });
      return {
        names: createClient(
          NameService,
          createRouterTransport(() => undefined),
        ),
      };
    },
    routes: ({ config, resources }) => {
      expectTypeOf(config.LIMIT).toEqualTypeOf<number>();
      expectTypeOf(resources.names.processName).toBeFunction();
      // @ts-expect-error a resource that nobody opened
      expect(resources.orders).toBeUndefined();
      return [];
    },
  });
  expectTypeOf(definition.config.LIMIT).toExtend<z.ZodType<number>>();
});

test("without resources there are none", () => {
  defineService({
    name: "orders",
    routes: ({ resources }) => {
      expectTypeOf(resources).toEqualTypeOf<undefined>();
      return [];
    },
  });
});

test("every method of a service has to be implemented, with its own messages", () => {
  const methods = {
    sayHello: () => ({ greeting: "hello" }),
    async *sayHelloToEach() {
      yield { greeting: "hello" };
    },
  };
  expect(implement(GreeterService, methods)).toEqual({ service: GreeterService, methods });
  // @ts-expect-error a method is missing
  implement(GreeterService, { sayHello: methods.sayHello });
  // @ts-expect-error an answer of the wrong type
  implement(GreeterService, { ...methods, sayHello: () => ({ greeting: 1 }) });
  // @ts-expect-error a stream is asked for
  implement(GreeterService, { ...methods, sayHelloToEach: () => ({ greeting: "hello" }) });
  implement(GreeterService, {
    ...methods,
    sayHello(request) {
      expectTypeOf(request.name).toEqualTypeOf<string>();
      expectTypeOf(currentCall().timeLeftMs()).toEqualTypeOf<number | undefined>();
      return {};
    },
  });
});
