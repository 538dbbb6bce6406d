import Koa from "koa";
import { currentCall, defineService } from "portico";
import { startTest, type TestApp } from "portico/testing";
import type { Pair } from "../../tools/certificates/authority.ts";
import { upperCaseNames } from "../support/echo.ts";
import { openFolder } from "./folder.ts";

/** NameService, and a web application that says who calls, or that it is nobody. */
const secured = defineService({
  name: "secured",
  routes: () => [upperCaseNames],
  http: () =>
    new Koa().use((context) => {
      if (context.path === "/whoami") context.body = currentCall().peer.identity?.name ?? "nobody";
    }),
});

export interface SecuredOptions {
  readonly pair: Pair;
  /** Whose certificates clients are asked for, in PEM. Default: nobody is asked. */
  readonly clientCa?: string;
  /** Default: the service's own, which is `require`. */
  readonly clientAuth?: "require" | "request";
  /** Further variables of its environment. */
  readonly config?: Readonly<Record<string, string>>;
}

/** Starts the service by TLS, from files that it has to itself. */
export async function startSecured({ pair, clientCa, clientAuth, config }: SecuredOptions): Promise<TestApp> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await openFolder());
  const { cert, key } = await folder.writePair("tls", pair);
  const app = opened.use(
    await startTest(secured, {
      config: {
        TLS_CERT_FILE: cert,
        TLS_KEY_FILE: key,
        ...(clientCa !== undefined && { TLS_CLIENT_CA_FILE: await folder.write("clients.crt", clientCa) }),
        ...(clientAuth !== undefined && { TLS_CLIENT_AUTH: clientAuth }),
        ...config,
      },
    }),
  );
  const kept = opened.move();
  const stop = () => kept.disposeAsync();
  return { ...app, stop, [Symbol.asyncDispose]: stop };
}

/** Starts the same service in cleartext. */
export function startInCleartext(): Promise<TestApp> {
  return startTest(secured);
}

/** How the lines of a log begin that are about connections. */
const COMPLAINT =
  /^(?:a connection came to nothing: |a client's certificate is not accepted: |again within a minute: )/;

/** What a service has said of connections that it does not want, in its order. */
export function complaints({ logs }: TestApp): readonly string[] {
  return logs.map(({ message }) => message).filter((message) => COMPLAINT.test(message));
}
