import { isIP } from "node:net";
import { type ConnectionOptions, checkServerIdentity, createSecureContext, type TLSSocket } from "node:tls";
import type { ChannelTls, RenewableTls } from "../../tls/renewable-tls.ts";

/** How a channel's sockets are secured: with what is current when they are made. */
export interface SocketSecurity {
  optionsFor(host: string, port: number): ConnectionOptions;
  /** Remembers the socket's session, for the next connection to the same peer (RFC 8446, 2.2). */
  watch(socket: TLSSocket, host: string, port: number): void;
}

/** Peers whose sessions are remembered, each with its last. */
const MAX_SESSIONS = 1000;

/** @param serverName the name or address that the peer's certificate has to be for */
export function socketSecurity(tls: RenewableTls, serverName: string): SocketSecurity {
  let made: { readonly of: ChannelTls; readonly options: ConnectionOptions } | undefined;
  /** Made with what is current; another pair or authority begins anew. */
  const sessions = new Map<string, Buffer>();

  function currentOptions(): ConnectionOptions {
    if (made?.of !== tls.current) {
      sessions.clear();
      const { current } = tls;
      made = {
        of: current,
        options: {
          secureContext: createSecureContext({ ...current, minVersion: "TLSv1.2" }),
          servername: isIP(serverName) === 0 ? serverName : "", // RFC 6066, 3: a name, and no address
          checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
        },
      };
    }
    return made.options;
  }

  return {
    optionsFor(host, port) {
      const options = currentOptions();
      const session = sessions.get(`${host} ${port}`);
      return session === undefined ? options : { ...options, session };
    },
    watch(socket, host, port) {
      const of = tls.current;
      socket.on("session", (session) => {
        const key = `${host} ${port}`;
        if (tls.current === of && (sessions.size < MAX_SESSIONS || sessions.has(key))) {
          sessions.set(key, session);
        }
      });
    },
  };
}
