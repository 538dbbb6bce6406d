import { X509Certificate } from "node:crypto";
import { startTest, type TestApp } from "portico/testing";
import { greeter as greeterService } from "../../src/services/greeter/service.ts";
import { name as nameService } from "../../src/services/name/service.ts";
import { createAuthority, type Pair } from "../../tools/certificates/authority.ts";
import { until } from "../support/until.ts";
import { type Content, type MountedSecret, mountSecret } from "./mounted-secret.ts";

/** Who has certificates: the two services, and whoever calls greeter. */
export const HOLDERS = ["name", "greeter", "client"] as const;
export type Holder = (typeof HOLDERS)[number];

/** When connections are gone that were made before a renewal, in milliseconds. */
export const AGE_MS = 4000;

export type Issuer = Pick<Awaited<ReturnType<typeof createAuthority>>, "issue" | "cert">;

/** greeter and name over mutual TLS, each with certificates that are mounted as a secret; disposing stops and removes all. */
export interface RenewedServices extends AsyncDisposable {
  readonly authority: Issuer;
  readonly apps: Readonly<Record<"name" | "greeter", TestApp>>;
  readonly ports: Readonly<Record<"name" | "greeter", number>>;
  readonly secrets: Readonly<Record<Holder, MountedSecret>>;
  /** The client's files, as `tlsFiles` takes them. */
  readonly clientFiles: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
}

let issued = 0;

/** A new pair for a holder, whose common name tells it from those before. */
export function issueFor(holder: Holder, authority: Issuer): Promise<Pair> {
  const notAfter = new Date(Date.now() + 30 * 86_400_000);
  const here = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
  return authority.issue({ commonName: `${holder} ${++issued}`, ...here, notAfter });
}

/** @param ca authorities that are trusted, both of servers and of clients */
export function contentOf({ cert, key }: Pair, ca: string): Content {
  return { "tls.crt": cert, "tls.key": key, "ca.crt": ca };
}

export function serialOf({ cert }: Pair): string {
  return new X509Certificate(cert).serialNumber;
}

export async function startRenewedServices(config: Readonly<Record<string, string>> = {}): Promise<RenewedServices> {
  await using opened = new AsyncDisposableStack();
  const authority = await createAuthority("authority");
  const mount = async (holder: Holder) =>
    opened.use(mountSecret(contentOf(await issueFor(holder, authority), authority.cert)));
  const secrets = { name: await mount("name"), greeter: await mount("greeter"), client: await mount("client") };
  const configOf = ({ pathOf }: MountedSecret) => ({
    TLS_CERT_FILE: pathOf("tls.crt"),
    TLS_KEY_FILE: pathOf("tls.key"),
    TLS_CLIENT_CA_FILE: pathOf("ca.crt"),
    TLS_CA_FILE: pathOf("ca.crt"),
    TLS_MAX_CONNECTION_AGE_MS: String(AGE_MS),
    ...config,
  });
  const name = opened.use(await startTest(nameService, { config: configOf(secrets.name) }));
  const greeter = opened.use(
    await startTest(greeterService, { config: { ...configOf(secrets.greeter), NAME_URL: name.url } }),
  );
  const { pathOf } = secrets.client;
  const kept = opened.move();
  return {
    authority,
    apps: { name, greeter },
    ports: { name: Number(new URL(name.url).port), greeter: Number(new URL(greeter.url).port) },
    secrets,
    clientFiles: { caFile: pathOf("ca.crt"), certFile: pathOf("tls.crt"), keyFile: pathOf("tls.key") },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** What a service has said of its certificates so far, by what became of them. */
export function renewalLines({ logs }: TestApp, status: "success" | "refused"): readonly string[] {
  return logs
    .map(({ message }) => message)
    .filter((message) => message.startsWith(`action=renew_certificate, status=${status}`));
}

/** Waits until a service uses what was written while `write` ran. */
export async function renewed(app: TestApp, write: () => unknown): Promise<void> {
  const before = renewalLines(app, "success").length;
  await write();
  await until(() => renewalLines(app, "success").length > before, 40_000);
}
