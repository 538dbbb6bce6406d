import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** What the tools read of a value that `defineService` made; the rest of it is none of their business. */
interface ServiceDefinition {
  readonly kind: "portico.service";
  readonly name: string;
  readonly port: number;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A service as it stands in `src/services/`. */
export interface Service {
  readonly name: string;
  /** The folder below `src/services/`. */
  readonly folder: string;
  /** The port it listens on unless told otherwise. */
  readonly port: number;
  /** The names of the services that it calls. */
  readonly calls: readonly string[];
}

/** A service and how far it stands above those that call nobody: 0 calls nobody, 1 calls only those, and so on. */
export interface RankedService extends Service {
  readonly rank: number;
}

/** What a service's own variables start with: `ORDER_BOOK` in `ORDER_BOOK_URL`, for the service `order-book`. */
export function variablePrefix(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}

/**
 * Finds the services: every folder of `src/services/` with a `service.ts` and a `main.ts`. Who calls whom is read from
 * their configuration: whoever has a `NAME_URL` calls `name`.
 * @param root The repository's folder.
 * @returns The services in start order: whoever is called comes before its callers.
 * @throws If a `service.ts` does not export exactly one service; one that does not load throws as it will.
 */
export async function findServices(root: string): Promise<readonly RankedService[]> {
  const home = join(root, "src/services");
  const folders = (await readdir(home, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const complete = folders
    .map((entry) => entry.name)
    .filter((folder) => ["service.ts", "main.ts"].every((file) => existsSync(join(home, folder, file))))
    .sort();
  const definitions = await Promise.all(complete.map((folder) => loadDefinition(home, folder)));
  const names = new Set(definitions.map(({ name }) => name));
  return inStartOrder(
    definitions.map(({ name, port, config = {} }, index) => ({
      name,
      folder: complete[index] ?? name,
      port,
      calls: [...names].filter((other) => other !== name && `${variablePrefix(other)}_URL` in config),
    })),
  );
}

async function loadDefinition(home: string, folder: string): Promise<ServiceDefinition> {
  const file = join(home, folder, "service.ts");
  const exported: unknown = await import(pathToFileURL(file).href);
  const found = Object.values(exported ?? {}).filter(isDefinition);
  const [definition] = found;
  if (definition === undefined || found.length > 1) {
    throw new Error(`${file} exports ${found.length} services; exactly one value of defineService is expected`);
  }
  return definition;
}

function isDefinition(value: unknown): value is ServiceDefinition {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "portico.service";
}

/**
 * Ranks services and sorts them: called ones first, equals by name. Of services that call each other in a circle, the
 * first by name counts as the caller: they run all the same, only the order in which they stop is a choice.
 */
export function inStartOrder(services: readonly Service[]): readonly RankedService[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  const ranks = new Map<string, number>();
  const underway = new Set<string>();
  const rankOf = (service: Service): number => {
    const known = ranks.get(service.name);
    if (known !== undefined) return known;
    underway.add(service.name);
    const callees = service.calls.map((name) => byName.get(name)).filter((callee) => callee !== undefined);
    const below = callees.filter((callee) => !underway.has(callee.name)).map(rankOf);
    underway.delete(service.name);
    const rank = Math.max(-1, ...below) + 1;
    ranks.set(service.name, rank);
    return rank;
  };
  const byNameFirst = [...services].sort((a, b) => (a.name < b.name ? -1 : 1));
  return byNameFirst.map((service) => ({ ...service, rank: rankOf(service) })).sort((a, b) => a.rank - b.rank);
}

// Run by itself it prints the services as JSON: `npm run dev` asks a fresh process, which has no old modules loaded.
if (import.meta.main) console.log(JSON.stringify(await findServices(join(import.meta.dirname, ".."))));
