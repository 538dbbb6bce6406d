import { type Backend, startBackend } from "../backend.ts";
import { type ChaosProxy, startChaosProxy } from "../chaos-proxy.ts";
import type { Setting, Stage } from "../scenario.ts";

/** A replica behind a proxy that does what networks do. */
export interface Proxied {
  readonly backend: Backend;
  readonly proxy: ChaosProxy;
  readonly setting: Pick<Setting, "target" | "backends">;
}

export async function behindProxy(stage: Stage): Promise<Proxied> {
  const backend = stage.use(await startBackend());
  const proxy = stage.use(await startChaosProxy({ to: backend }));
  return { backend, proxy, setting: { target: { port: proxy.port, addresses: ["127.0.0.1"] }, backends: [backend] } };
}
