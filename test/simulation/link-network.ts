import type { Connect } from "../../src/client/connections/connection.ts";
import { CONNECTION_DEFAULTS } from "../../src/client/connections/connector.ts";
import { Http2ClientConnection } from "../../src/client/connections/http2-connection.ts";
import { formatAddress } from "../../src/client/resolving/address.ts";
import { createTemper, type EchoServer, serveEcho, type Temper } from "./echo-server.ts";
import { createLink, type MemoryLink } from "./memory-link.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const CONNECT_MS = 1;

export interface LinkedServer {
  readonly link: MemoryLink;
  readonly server: EchoServer;
}

/** A backend behind links in memory. */
export interface LinkedBackend {
  readonly temper: Temper;
  /** All connections that were made to it. */
  readonly connections: LinkedServer[];
  /** All that were begun. */
  readonly links: MemoryLink[];
  /** What becomes of a new connection: it is made, refused, or neither ever. Default: made. */
  connecting: "accept" | "refuse" | "ignore";
  /** What is done with a connection that is made. */
  onConnection: (connection: LinkedServer) => void;
}

export interface LinkNetwork {
  readonly connect: Connect;
  backend(name: string): LinkedBackend;
}

/** Real connections over HTTP/2, without sockets and on virtual time. */
export function createLinkNetwork(clock: VirtualClock): LinkNetwork {
  const backends = new Map<string, LinkedBackend>();
  function backend(name: string): LinkedBackend {
    const present = backends.get(name);
    if (present !== undefined) return present;
    const made: LinkedBackend = {
      temper: createTemper(),
      connections: [],
      links: [],
      connecting: "accept",
      onConnection: () => undefined,
    };
    backends.set(name, made);
    return made;
  }

  function connectTo(to: LinkedBackend, onReady: () => void): MemoryLink {
    const link = createLink(clock, onReady);
    to.links.push(link);
    clock.schedule(CONNECT_MS, () => {
      if (to.connecting === "refuse") {
        link.refuse();
      } else if (to.connecting === "accept" && link.isOpen) {
        const connection = { link, server: serveEcho(link.server, clock, to.temper) };
        to.connections.push(connection);
        to.onConnection(connection);
        link.establish();
      }
    });
    return link;
  }

  return {
    backend,
    connect: (address, listener) =>
      new Http2ClientConnection(
        {
          origin: `http://${formatAddress(address)}`,
          connect: (onReady) => connectTo(backend(formatAddress(address)), onReady).client,
          clock,
          connectTimeoutMs: CONNECTION_DEFAULTS.connectTimeoutMs,
          keepaliveMs: CONNECTION_DEFAULTS.keepaliveMs,
          idleMs: CONNECTION_DEFAULTS.idleTimeoutMs,
          maxStreams: CONNECTION_DEFAULTS.maxStreams,
          onTooManyPings: () => undefined,
        },
        listener,
      ),
  };
}
