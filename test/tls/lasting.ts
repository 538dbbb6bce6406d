import { once } from "node:events";
import Koa from "koa";
import { currentCall, defineService, implement } from "portico";
import { startTest, type TestApp } from "portico/testing";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { type Authority, createAuthority, type Pair } from "../../tools/certificates/authority.ts";
import { type Content, type MountedSecret, mountSecret } from "./mounted-secret.ts";
import { renewed } from "./renewed-services.ts";

/** When connections are gone that were made before a renewal, in milliseconds of the service's clock. */
export const AGE_MS = 5000;

/** A service whose streams last until they are cut, and whose certificate a test renews. */
export interface LastingService extends AsyncDisposable {
  readonly app: TestApp;
  readonly port: number;
  readonly authority: Authority;
  /** Streams whose handlers have heard of their end. */
  readonly cut: number;
  /** The certificate that is served now. */
  readonly pair: Pair;
  /** Has the service serve another certificate, or trust another authority of clients; resolves once it does. */
  renew(clientCa?: string): Promise<void>;
}

function defineLasting(onCut: () => void) {
  return defineService({
    name: "lasting",
    routes: () => [
      implement(GreeterService, {
        sayHello: ({ name }) => ({ greeting: `Hello, ${name}!` }),
        async *sayHelloToEach(_request, { signal }) {
          yield { greeting: "Hello" };
          await once(signal, "abort");
          onCut();
        },
      }),
    ],
    http: () => {
      const app = new Koa();
      return app.use((context) => {
        context.body = currentCall().peer.identity?.name ?? "nobody";
      });
    },
  });
}

/** @param firstClientCa whose certificates clients have to have, in PEM. Default: nobody is asked. */
export async function startLasting(firstClientCa?: string): Promise<LastingService> {
  await using opened = new AsyncDisposableStack();
  const authority = await createAuthority("authority");
  let pair = await issue(authority);
  const secret: MountedSecret = opened.use(mountSecret(contentOf(pair, firstClientCa)));
  let cut = 0;
  const config = {
    TLS_CERT_FILE: secret.pathOf("tls.crt"),
    TLS_KEY_FILE: secret.pathOf("tls.key"),
    ...(firstClientCa !== undefined && { TLS_CLIENT_CA_FILE: secret.pathOf("clients.crt") }),
    TLS_MAX_CONNECTION_AGE_MS: String(AGE_MS),
  };
  const app = opened.use(
    await startTest(
      defineLasting(() => cut++),
      { config },
    ),
  );
  const kept = opened.move();
  return {
    app,
    port: Number(new URL(app.url).port),
    authority,
    get cut() {
      return cut;
    },
    get pair() {
      return pair;
    },
    async renew(clientCa = firstClientCa) {
      pair = await issue(authority);
      await renewed(app, () => secret.swap(contentOf(pair, clientCa)));
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function issue(authority: Authority): Promise<Pair> {
  return authority.issue({ commonName: "lasting", dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] });
}

function contentOf({ cert, key }: Pair, clientCa: string | undefined): Content {
  return { "tls.crt": cert, "tls.key": key, ...(clientCa !== undefined && { "clients.crt": clientCa }) };
}
