import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { linkPeers, type PeerLink, type PeerScript, type Settings } from "./peer-link.ts";

/**
 * An HTTP/2 server that does what no real one does: a real service answers through it, and its script decides frame by
 * frame what comes of that. Disposing it cuts every connection.
 */
export interface ScriptedPeer extends AsyncDisposable {
  readonly port: number;
  /** The connections that are there, the oldest first. */
  readonly links: readonly PeerLink[];
  /** Follows a script from now on, on every connection; none lets everything pass. */
  play(script: PeerScript | undefined): void;
  /** Changes the service's settings, as clients see them: now, and on connections to come. */
  announce(settings: Settings): void;
}

/** Starts one, in front of the service at a port of 127.0.0.1. */
export async function startScriptedPeer(to: number): Promise<ScriptedPeer> {
  const links = new Set<PeerLink>();
  let script: PeerScript | undefined;
  let settings: Settings = new Map();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: "127.0.0.1", port: to, noDelay: true });
    const link = linkPeers({ near, far, settings: () => settings, script: () => script });
    links.add(link);
    near.on("close", () => links.delete(link));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    port,
    get links() {
      return [...links];
    },
    play(next) {
      script = next;
    },
    announce(changed) {
      settings = new Map([...settings, ...changed]);
      for (const link of links) link.announce(changed);
    },
    async [Symbol.asyncDispose]() {
      for (const link of links) link.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
