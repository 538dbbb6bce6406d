import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import type { PortTls } from "../server/accept.ts";
import type { Port } from "../server/port.ts";
import { channelView } from "../tls/channel-tls-files.ts";
import type { CredentialRole, Credentials } from "../tls/credentials.ts";
import type { RenewableTls } from "../tls/renewable-tls.ts";
import { openTlsFiles } from "../tls/tls-files.ts";
import type { BaseConfig } from "./configuration.ts";

/** A service's certificates, for as long as it runs. */
export interface ServiceTls extends Disposable {
  /** What its port serves; undefined: cleartext. */
  readonly port: PortTls | undefined;
  /** What its channels use. */
  readonly channels: RenewableTls;
  readonly daysLeft: number | undefined;
  /** Has a port serve what is current from now on. */
  renew(port: Port): void;
}

const VARIABLES: Readonly<
  Record<CredentialRole, "TLS_CERT_FILE" | "TLS_KEY_FILE" | "TLS_CLIENT_CA_FILE" | "TLS_CA_FILE">
> = {
  cert: "TLS_CERT_FILE",
  key: "TLS_KEY_FILE",
  clientCa: "TLS_CLIENT_CA_FILE",
  ca: "TLS_CA_FILE",
};

/**
 * Opens the files that a service's configuration names; undefined where it names none.
 *
 * @throws CredentialsError where they cannot be used
 */
export async function openServiceTls(
  config: BaseConfig,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<ServiceTls | undefined> {
  const roles = (Object.keys(VARIABLES) as CredentialRole[]).filter((role) => config[VARIABLES[role]] !== undefined);
  if (roles.length === 0) {
    return undefined;
  }
  const files = await openTlsFiles({
    paths: Object.fromEntries(roles.map((role) => [role, config[VARIABLES[role]]])),
    nameOf: (role) => `${VARIABLES[role]}=${config[VARIABLES[role]]}`,
    shownTo: "clients",
    clock,
    log,
  });
  let isForClients = files.current.certificate?.isForClients;
  if (isForClients === false) {
    log.info("the certificate is not for clients (extended key usage): onward calls show none");
  }
  files.onRenewal(({ certificate }) => {
    if (isForClients === true && certificate?.isForClients === false) {
      log.warn("the new certificate is not for clients (extended key usage): onward calls show none any more");
    }
    isForClients = certificate?.isForClients;
  });
  return {
    get port() {
      return portTls(files.current); // it may be another by the time that the port is made
    },
    channels: channelView(files, config.TLS_MAX_CONNECTION_AGE_MS),
    get daysLeft() {
      return files.daysLeft;
    },
    renew(port) {
      files.onRenewal((credentials) => {
        const renewed = portTls(credentials);
        if (renewed !== undefined) {
          port.renewTls(renewed, config.TLS_MAX_CONNECTION_AGE_MS);
        }
      });
    },
    [Symbol.dispose]: () => files[Symbol.dispose](),
  };
}

function portTls({ pair, clientCa }: Credentials): PortTls | undefined {
  return pair === undefined ? undefined : { ...pair, clientCa };
}

/** Whether clients are asked for certificates, and have to have one. */
export function clientAuthOf(config: BaseConfig): "require" | "request" | undefined {
  return config.TLS_CLIENT_CA_FILE === undefined ? undefined : (config.TLS_CLIENT_AUTH ?? "require");
}
