import { shown } from "./certificates/report.ts";
import type { Placement } from "./placement.ts";
import type { CallerFiles } from "./tls-placement.ts";

/** The two calls of the services that come with Portico; a service that somebody adds is asked what it offers. */
const known: Readonly<Record<string, (place: Placement, canReflect: boolean) => readonly string[]>> = {
  greeter: ({ url, tls }) => [
    `curl ${fileFlags("--", tls)}'${url}/api/v1/say-hello?name=test'`,
    `curl ${fileFlags("--", tls)}-H 'content-type: application/json' -d '{"name": "test"}' ${url}/greeter.v1.GreeterService/SayHello`,
  ],
  name: (place, canReflect) => {
    const { url, tls } = place;
    const method = "name.v1.NameService/ProcessName";
    const data = `-d '{"name": "test"}'`;
    return [
      `npx buf curl ${bufFlags(place, canReflect)}${data} ${url}/${method}`,
      ...(canReflect
        ? [`grpcurl ${tls === undefined ? "-plaintext " : fileFlags("-", tls)}${data} ${new URL(url).host} ${method}`]
        : []),
    ];
  },
};

/** What a user sees when the services are ready: where they are, and commands to try. */
export function describePlacements(placements: readonly Placement[]): string {
  const width = Math.max(...placements.map(({ service }) => service.name.length));
  const urls = placements.map(({ service, url }) => `  ${service.name.padEnd(width)}  ${url}`);
  // Callers first: their answers show the whole system.
  const commands = [...placements].reverse().flatMap(suggestCommands);
  const indented = commands.map((command) => `  ${command}`);
  return ["", "Running:", ...urls, "", "Try, in another terminal:", ...indented, "", "Ctrl-C stops it.", ""].join("\n");
}

function suggestCommands(placement: Placement): readonly string[] {
  const canReflect = hasReflection(placement);
  const commands = known[placement.service.name];
  if (commands !== undefined) return commands(placement, canReflect);
  return [`npx buf curl ${bufFlags(placement, canReflect)}--list-methods ${placement.url}`];
}

/** As the services themselves decide it: on in development, unless said otherwise. */
function hasReflection({ env }: Placement): boolean {
  const said = env["REFLECTION"];
  return said ? /^(1|y|yes|on|true|enabled)$/i.test(said) : env["NODE_ENV"] === "development";
}

/** Without reflection buf takes the schema from the repository. Over TLS it comes to HTTP/2 by ALPN. */
function bufFlags({ tls }: Placement, canReflect: boolean): string {
  const schema = canReflect ? "" : "--schema . ";
  return `--protocol grpc ${tls === undefined ? "--http2-prior-knowledge " : fileFlags("--", tls)}${schema}`;
}

/** Whom to trust and what to show, as curl, buf and grpcurl alike name it, with a space behind each. */
function fileFlags(dashes: "-" | "--", tls: CallerFiles | undefined): string {
  const [cert, key] = tls?.pair ?? [];
  return Object.entries({ cacert: tls?.ca, cert, key })
    .flatMap(([flag, path]) => (path === undefined ? [] : `${dashes}${flag} ${shown(path)} `))
    .join("");
}
