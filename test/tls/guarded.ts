import Koa from "koa";
import { type AccessRule, authorize, currentCall, defineService, implement } from "portico";
import type { LogLine } from "portico/testing";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { startService } from "../../src/service/start.ts";
import { createAuthority, type Pair } from "../../tools/certificates/authority.ts";
import { openFolder } from "./folder.ts";

const authority = await createAuthority("authority");
export const AUTHORITY = authority.cert;
const SERVER = await authority.issue({ commonName: "server", dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] });

/** Somebody who calls: by a certificate of the authority that the service trusts, or by none. */
export interface Visitor {
  readonly name: "nobody" | "a stranger" | "a web visitor" | "a friend";
  readonly shows: Pair | undefined;
  /** As the log has it. */
  readonly identity: string | undefined;
  /** What {@link RULES} come to for a method, and for the web application. */
  readonly rpc: "unauthenticated" | "permission_denied" | "ok";
  readonly http: "unauthenticated" | "permission_denied" | "ok";
}

const FRIEND = "spiffe://example.org/friend";
export const RULES: readonly AccessRule[] = [
  { to: [NameService, GreeterService], from: FRIEND },
  { to: "http", from: [FRIEND, "subject:CN=web visitor"] },
];

export const NOBODY: Visitor = {
  name: "nobody",
  shows: undefined,
  identity: undefined,
  rpc: "unauthenticated",
  http: "unauthenticated",
};
export const A_STRANGER: Visitor = {
  name: "a stranger",
  // Its names are as near to its friend's as a certificate's may be.
  shows: await authority.issue({ commonName: FRIEND, dnsNames: [FRIEND], uris: [`${FRIEND}ly`] }),
  identity: `${FRIEND}ly`,
  rpc: "permission_denied",
  http: "permission_denied",
};
export const A_WEB_VISITOR: Visitor = {
  name: "a web visitor",
  shows: await authority.issue({ commonName: "web visitor" }),
  identity: "subject:CN=web visitor",
  rpc: "permission_denied",
  http: "ok",
};
export const A_FRIEND: Visitor = {
  name: "a friend",
  shows: await authority.issue({ commonName: "friend", uris: [FRIEND] }),
  identity: FRIEND,
  rpc: "ok",
  http: "ok",
};
export const VISITORS: readonly Visitor[] = [NOBODY, A_STRANGER, A_WEB_VISITOR, A_FRIEND];

/** What ran of the service's own code, and who the call's peer was to it. */
export interface Seen {
  readonly what: string;
  readonly by: string | undefined;
}

/** A service that has seen nobody yet. */
export function guarded(rules: readonly AccessRule[] | undefined) {
  const seen: Seen[] = [];
  const see = (what: string) => void seen.push({ what, by: currentCall().peer.identity?.name });
  const service = defineService({
    name: "guarded",
    interceptors: () => [
      (next) => (request) => {
        see("an interceptor");
        return next(request);
      },
    ],
    routes: () => [
      implement(NameService, {
        processName({ name }) {
          see("ProcessName");
          return { name: name.toUpperCase() };
        },
        async *processNames(requests) {
          see("ProcessNames");
          for await (const { name } of requests) yield { name: name.toUpperCase() };
        },
      }),
      implement(GreeterService, {
        sayHello({ name }) {
          see("SayHello");
          return { greeting: name };
        },
        async *sayHelloToEach({ names }) {
          see("SayHelloToEach");
          for (const greeting of names) yield { greeting };
        },
      }),
    ],
    http: () =>
      new Koa().use((context) => {
        see("the web application");
        if (context.path === "/hello") {
          authorize(GreeterService.method.sayHello);
          see("SayHello");
        }
        context.body = { path: context.path };
      }),
    upgrade: () => (_request, socket) => {
      see("the upgrade");
      socket.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
    },
    ...(rules !== undefined && { access: () => rules }),
  });
  return { service, seen };
}

/** What answers: as HTTP2_ENGINE has it, and for our own also Connect's universal handlers in the place of the lean path. */
export const ENGINES = ["own", "node", "universal"] as const;
export type Engine = (typeof ENGINES)[number];

export interface Guarded extends AsyncDisposable {
  readonly port: number;
  readonly seen: Seen[];
  readonly logs: readonly LogLine[];
}

export interface GuardedOptions {
  readonly rules?: readonly AccessRule[] | undefined;
  readonly engine?: Engine;
  /** Further variables of its environment. By default clients are asked for certificates, and may have none. */
  readonly config?: Readonly<Record<string, string>>;
}

/** Starts the service by TLS. */
export async function startGuarded({ rules, engine = "own", config }: GuardedOptions): Promise<Guarded> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await openFolder());
  const { cert, key } = await folder.writePair("server", SERVER);
  const { service, seen } = guarded(rules);
  const logs: LogLine[] = [];
  const running = await startService(service, {
    env: {
      NODE_ENV: "test",
      HOST: "127.0.0.1",
      PORT: "0",
      LOG_FORMAT: "json",
      REFLECTION: "true",
      HTTP2_ENGINE: engine === "node" ? "node" : "own",
      TLS_CERT_FILE: cert,
      TLS_KEY_FILE: key,
      TLS_CLIENT_CA_FILE: await folder.write("clients.crt", AUTHORITY),
      TLS_CLIENT_AUTH: "request",
      ...config,
    },
    destination: { write: (line) => void logs.push(JSON.parse(line) as LogLine) }, // the shape of every line
    terminal: false,
    rpcPath: engine === "universal" ? "universal" : "lean",
  });
  opened.defer(() => running.stop());
  const kept = opened.move();
  return { port: running.address.port, seen, logs, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
