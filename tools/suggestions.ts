import type { Placement } from "./placement.ts";

/** The two calls of the services that come with Portico; a service that somebody adds is asked what it offers. */
const known: Readonly<Record<string, (place: Placement, canReflect: boolean) => readonly string[]>> = {
  greeter: ({ url }) => [
    `curl '${url}/api/v1/say-hello?name=test'`,
    `curl -H 'content-type: application/json' -d '{"name": "test"}' ${url}/greeter.v1.GreeterService/SayHello`,
  ],
  name: (place, canReflect) => {
    const method = "name.v1.NameService/ProcessName";
    const data = `-d '{"name": "test"}'`;
    return [
      `npx buf curl ${bufFlags(canReflect)} ${data} ${place.url}/${method}`,
      ...(canReflect ? [`grpcurl -plaintext ${data} ${authority(place)} ${method}`] : []),
    ];
  },
};

/**
 * Commands to try on the running services, callers first: the ones whose answer shows the whole system.
 */
export function suggestCommands(placements: readonly Placement[]): readonly string[] {
  return [...placements].reverse().flatMap((place) => {
    const canReflect = hasReflection(place);
    const commands =
      known[place.service.name] ?? (({ url }) => [`npx buf curl ${bufFlags(canReflect)} --list-methods ${url}`]);
    return commands(place, canReflect);
  });
}

/** As the services themselves decide it: on in development, unless said otherwise. */
function hasReflection({ env }: Placement): boolean {
  const said = env["REFLECTION"];
  return said ? /^(on|true|1|yes)$/i.test(said) : env["NODE_ENV"] === "development";
}

/** Without reflection buf takes the schema from the repository. */
function bufFlags(canReflect: boolean): string {
  return `--protocol grpc --http2-prior-knowledge${canReflect ? "" : " --schema ."}`;
}

function authority({ url }: Placement): string {
  return new URL(url).host;
}
