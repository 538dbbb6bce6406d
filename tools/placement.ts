import { type RankedService, variablePrefix } from "./services.ts";
import { type CallerFiles, callerFilesFor, tlsVariables } from "./tls-placement.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A service with the place where it runs on this machine. */
export interface Placement {
  readonly service: RankedService;
  /** The child's whole environment. */
  readonly env: Environment;
  /** The address it is told to listen on; nothing means its own default. */
  readonly host: string | undefined;
  readonly port: number;
  /** Where others on this machine reach it, without a slash at the end. */
  readonly url: string;
  /** What they need for it; nothing where it speaks cleartext. */
  readonly tls: CallerFiles | undefined;
}

/**
 * Gives each service its own `HOST` and `PORT`, from variables such as `NAME_HOST` and `NAME_PORT`, never the shell's:
 * those can be meant for one service only. Whoever calls a service that was moved is told its new URL, unless the
 * environment already says where it is.
 * @param certificates The folder that `npm run certs` fills, an absolute path: all speak TLS by it. Nothing means that
 *   they do what the environment says.
 * @returns The placements in the order of the services, and a line for each variable that is wrong.
 */
export function placeServices(
  services: readonly RankedService[],
  env: Environment,
  certificates?: string,
): { readonly placements: readonly Placement[]; readonly mistakes: readonly string[] } {
  const called = new Set(services.flatMap(({ calls }) => calls));
  const places = new Map(
    services.map((service) => {
      const isCalled = called.has(service.name);
      const tlsEnv =
        certificates === undefined ? {} : tlsVariables(service.name, { folder: certificates, isCalled }, env);
      const tls = callerFilesFor({ ...env, ...tlsEnv }, certificates);
      return [service.name, { ...placeOf(service, env, tls !== undefined), tlsEnv, tls }];
    }),
  );
  const mistakes = [...places.values()].flatMap(({ mistake }) => mistake ?? []);
  const placements = services.flatMap((service) => {
    const place = places.get(service.name);
    if (place === undefined) return [];
    const moved = service.calls.flatMap((name) => {
      const callee = places.get(name);
      const variable = `${variablePrefix(name)}_URL`;
      return callee?.isMoved && !env[variable] ? [[variable, callee.url]] : [];
    });
    const { HOST: _host, PORT: _port, ...rest } = env;
    return {
      service,
      host: place.host,
      port: place.port,
      url: place.url,
      tls: place.tls,
      env: {
        ...rest,
        ...place.tlsEnv,
        ...Object.fromEntries(moved),
        ...(place.host === undefined ? {} : { HOST: place.host }),
        PORT: String(place.port),
      },
    };
  });
  return { placements, mistakes };
}

function placeOf(service: RankedService, env: Environment, isSecure: boolean) {
  const prefix = variablePrefix(service.name);
  const host = env[`${prefix}_HOST`] || undefined;
  const chosen = env[`${prefix}_PORT`] || undefined;
  const port = chosen === undefined ? service.port : Number(chosen);
  // Port 0, any free one, is refused: nobody could tell the callers where the service is.
  const isPort = Number.isInteger(port) && port >= 1 && port <= 65_535;
  return {
    host,
    port,
    url: `${isSecure ? "https" : "http"}://${hostInUrl(host)}:${port}`,
    isMoved: isSecure || host !== undefined || port !== service.port,
    mistake: isPort ? undefined : `${prefix}_PORT is ${JSON.stringify(chosen)}; a port from 1 to 65535 is expected`,
  };
}

/** A name for an address to connect to: a wildcard is no destination, and IPv6 stands in brackets. */
function hostInUrl(host: string | undefined): string {
  if (host === undefined || host === "::" || host === "0.0.0.0") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}
