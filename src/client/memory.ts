import type { Interceptor, Transport } from "@connectrpc/connect";

// Targets that are answered inside the process: the testing kit puts its fakes here, and every channel to such a target
// finds them. A target is known by its origin, so that a fake's URL passes any check that a real one passes.

/** Makes a Transport to a target inside the process, by the Connect protocol. */
export type MemoryConnector = (baseUrl: string, interceptors: readonly Interceptor[]) => Transport;

const targets = new Map<string, MemoryConnector>();

/** Answers every channel to `origin` by `connect`, until the result is disposed. */
export function registerMemoryTarget(origin: string, connect: MemoryConnector): Disposable {
  targets.set(origin, connect);
  return { [Symbol.dispose]: () => void targets.delete(origin) };
}

export function memoryTarget(origin: string): MemoryConnector | undefined {
  return targets.get(origin);
}
