import { randomUUID } from "node:crypto";
import type { DescService } from "@bufbuild/protobuf";
import { type ConnectRouter, createConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import { createUniversalHandlerClient } from "@connectrpc/connect/protocol";
import { registerMemoryTarget } from "../client/memory.ts";

/** A service that stands in for one that is called. Made by {@link fake}. */
export interface Fake {
  register(router: ConnectRouter): void;
}

/** Answers the methods of `service` that are given; the others are `unimplemented`. */
export function fake<S extends DescService>(service: S, methods: Partial<ServiceImpl<S>>): Fake {
  return { register: (router) => void router.service(service, methods) };
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
