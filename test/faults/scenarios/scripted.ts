import { type Backend, startBackend } from "../backend.ts";
import type { TestedClient } from "../clients/tested-client.ts";
import type { Setting, Stage } from "../scenario.ts";
import { type ScriptedPeer, startScriptedPeer } from "../scripted-peer.ts";

/** A replica behind a peer that follows a script. */
export interface Scripted {
  readonly backend: Backend;
  readonly peer: ScriptedPeer;
  readonly setting: Pick<Setting, "target" | "backends">;
}

export async function behindScript(stage: Stage): Promise<Scripted> {
  const backend = stage.use(await startBackend());
  const peer = stage.use(await startScriptedPeer(backend.port));
  return { backend, peer, setting: { target: { port: peer.port, addresses: ["127.0.0.1"] }, backends: [backend] } };
}

/** What only HTTP/2 has is nothing for a client over HTTP/1.1. */
export function http2Only({ httpVersion }: TestedClient): string | undefined {
  return httpVersion === "2" ? undefined : "HTTP/1.1 has nothing like it";
}
