import { MAX_TIMER_MS, systemClock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import type { Credentials } from "./credentials.ts";
import type { ChannelTls, RenewableTls } from "./renewable-tls.ts";
import { openTlsFiles, type TlsFiles } from "./tls-files.ts";

/** How long connections stay that were made under another certificate, in milliseconds. */
export const DEFAULT_MAX_CONNECTION_AGE_MS = 10 * 60_000;

/** Files that a channel's TLS is read from, in PEM. */
export interface TlsFilePaths {
  /** Certificates of the authorities that vouch for the target. Default: those that Node trusts. */
  readonly caFile?: string;
  /** The certificate that this side shows, with its chain. Needs {@link keyFile}. */
  readonly certFile?: string;
  /** The private key to {@link certFile}. */
  readonly keyFile?: string;
  /** When connections are gone that were made with what the files held before, in milliseconds. Default 600,000. */
  readonly maxConnectionAgeMs?: number;
  /** Told of renewals, of files that cannot be used, and of a certificate that ends soon. Default: warnings of the process. */
  readonly log?: Logger;
}

/**
 * Reads a channel's TLS from files, and again whenever they change: connections made from then on use what is new, those that
 * there are give way. For programs that are no service of Portico's; a service does it by `TLS_CERT_FILE` and its like.
 *
 * @throws Error that says which file cannot be used, and why
 */
export async function tlsFiles(files: TlsFilePaths): Promise<RenewableTls & Disposable> {
  const { caFile, certFile, keyFile, maxConnectionAgeMs = DEFAULT_MAX_CONNECTION_AGE_MS, log = WARNINGS } = files;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new Error(`tlsFiles: ${certFile === undefined ? "keyFile needs certFile" : "certFile needs keyFile"}`);
  }
  if (!(maxConnectionAgeMs >= 0 && maxConnectionAgeMs <= MAX_TIMER_MS)) {
    throw new Error(`tlsFiles: maxConnectionAgeMs is ${maxConnectionAgeMs}; it has to be from 0 to ${MAX_TIMER_MS}`);
  }
  const paths = {
    ...(caFile !== undefined && { ca: caFile }),
    ...(certFile !== undefined && { cert: certFile }),
    ...(keyFile !== undefined && { key: keyFile }),
  };
  const opened = await openTlsFiles({
    paths,
    nameOf: (role) => `${role}File ${paths[role as keyof typeof paths]}`, // there is no other
    shownTo: "servers",
    clock: systemClock,
    log,
  });
  return channelView(opened, maxConnectionAgeMs);
}

const WARNINGS: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: warn,
  error: warn,
};

function warn(...what: readonly unknown[]): void {
  process.emitWarning(String(what.at(-1)), "PorticoTlsWarning");
}

/** What of the files channels need: the certificate only where it may be a client's. To dispose it disposes the files. */
export function channelView(files: TlsFiles, maxConnectionAgeMs: number): RenewableTls & Disposable {
  let made: { readonly of: Credentials; readonly tls: ChannelTls } | undefined;
  return {
    get current() {
      if (made?.of !== files.current) {
        made = { of: files.current, tls: channelTls(files.current) };
      }
      return made.tls;
    },
    maxConnectionAgeMs,
    get daysLeft() {
      return files.current.certificate?.isForClients ? files.daysLeft : undefined;
    },
    onRenewal: (listener) => files.onRenewal(listener),
    [Symbol.dispose]: () => files[Symbol.dispose](),
  };
}

function channelTls({ ca, pair, certificate }: Credentials): ChannelTls {
  return { ...(ca !== undefined && { ca }), ...(certificate?.isForClients ? pair : undefined) };
}
