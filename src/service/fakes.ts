import { randomUUID } from "node:crypto";
import { type ConnectRouter, createConnectRouter } from "@connectrpc/connect";
import { createUniversalHandlerClient } from "@connectrpc/connect/protocol";
import { registerMemoryTarget } from "../client/memory.ts";
import type { AnyService, HandlersOf } from "../wire/adapted-service.ts";
import { implementPartly } from "../wire/implement.ts";

/** A service that stands in for one that is called. Made by {@link fake}. */
export interface Fake {
  register(router: ConnectRouter): void;
}

/** Answers the methods of `service` that are given; the others are `unimplemented`. */
export function fake<S extends AnyService>(service: S, methods: Partial<HandlersOf<S>>): Fake {
  const implementation = implementPartly(service, methods);
  return { register: (router) => void router.service(implementation.service, implementation.methods) };
}

/** Puts fakes behind a URL of their own, inside the process, until disposed. */
export function openFakes(fakes: readonly Fake[]): Disposable & { readonly url: string } {
  const url = `http://fake-${randomUUID()}.test`;
  const router = createConnectRouter();
  for (const { register } of fakes) {
    register(router);
  }
  const target = registerMemoryTarget(url, createUniversalHandlerClient(router.handlers));
  return { url, [Symbol.dispose]: () => target[Symbol.dispose]() };
}
