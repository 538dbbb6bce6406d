import { authorityFile, person } from "./certificates/holders.ts";
import { pathsOf } from "./certificates/pair-files.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Paths that whoever calls a service over TLS needs. */
export interface CallerFiles {
  /** Authorities to trust; nothing means the system's. */
  readonly ca: string | undefined;
  /** The certificate to show, with its key; nothing where the service does not insist on one. */
  readonly pair: readonly [cert: string, key: string] | undefined;
}

/**
 * The variables by which a service serves TLS with what is in a folder of certificates, and calls others by it. What the
 * environment says already goes first.
 * @param folder An absolute path.
 * @param isCalled Whether other services call it. They have certificates, and it insists on one; what nobody calls is
 *   there for browsers and curl, which have none.
 */
export function tlsVariables(
  service: string,
  { folder, isCalled }: { readonly folder: string; readonly isCalled: boolean },
  env: Environment,
): Readonly<Record<string, string>> {
  const [ca] = pathsOf(folder, authorityFile);
  const [cert, key] = pathsOf(folder, service);
  const variables = {
    TLS_CERT_FILE: cert,
    TLS_KEY_FILE: key,
    TLS_CLIENT_CA_FILE: ca,
    TLS_CLIENT_AUTH: isCalled ? "require" : "request",
    TLS_CA_FILE: ca,
  };
  return Object.fromEntries(Object.entries(variables).filter(([variable]) => !env[variable]));
}

/**
 * How a service with such an environment is called; nothing where it speaks cleartext.
 * @param folder Where there is a certificate for people; nothing means that the service's own has to do.
 */
export function callerFilesFor(env: Environment, folder: string | undefined): CallerFiles | undefined {
  const { TLS_CERT_FILE: cert, TLS_KEY_FILE: key, TLS_CA_FILE: ca } = env;
  if (!cert) return undefined;
  const insists = Boolean(env["TLS_CLIENT_CA_FILE"]) && env["TLS_CLIENT_AUTH"] !== "request";
  const pair = folder === undefined ? ([cert, key ?? ""] as const) : pathsOf(folder, person.file);
  return { ca: ca || undefined, pair: insists ? pair : undefined };
}
