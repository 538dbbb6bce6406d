import { join } from "node:path";
import { type Placement, placeServices } from "./placement.ts";
import { isPortTaken } from "./readiness.ts";
import { findServices, variablePrefix } from "./services.ts";
import { onStopSignal } from "./stop-signals.ts";
import { suggestCommands } from "./suggestions.ts";
import { createSupervisor } from "./supervisor.ts";

const root = join(import.meta.dirname, "..");

/**
 * Runs every service until a signal or until one of them dies.
 * @returns The exit code: 0 after a signal, if every service stopped as it should.
 */
async function runServices(placements: readonly Placement[]): Promise<number> {
  const { promise: exitCode, resolve: exit } = Promise.withResolvers<number>();
  let isStopping = false;
  const supervisor = createSupervisor({
    root,
    report: console.error,
    onDeath: (name, how) => stopAll(`${name} ${how}; the others are stopped.`),
  });
  const stopAll = async (failure?: string) => {
    if (isStopping) return;
    isStopping = true;
    if (failure !== undefined) console.error(failure);
    const isClean = await supervisor.stop();
    exit(isClean && failure === undefined ? 0 : 1);
  };
  onStopSignal(stopAll, () => {
    supervisor.kill();
    exit(1);
  });

  const starts = placements.map(async (placement) => {
    const failure = await supervisor.start(placement);
    if (failure !== undefined) void stopAll(`${placement.service.name} ${failure}; the others are stopped.`);
  });
  await Promise.all(starts);
  if (!isStopping) console.log(describe(placements));
  return exitCode;
}

function describe(placements: readonly Placement[]): string {
  const width = Math.max(...placements.map(({ service }) => service.name.length));
  const urls = placements.map(({ service, url }) => `  ${service.name.padEnd(width)}  ${url}`);
  const commands = suggestCommands(placements).map((command) => `  ${command}`);
  return ["", "Running:", ...urls, "", "Try, in another terminal:", ...commands, "", "Ctrl-C stops it.", ""].join("\n");
}

/** What keeps the services from starting at all, a line each. */
async function findObstacles({ placements, mistakes }: ReturnType<typeof placeServices>): Promise<readonly string[]> {
  if (placements.length === 0) return ["There is no service in src/services/."];
  if (mistakes.length > 0) return mistakes;
  const isTaken = await Promise.all(placements.map(isPortTaken));
  return placements
    .filter((_, index) => isTaken[index])
    .map(
      ({ service: { name }, port }) => `${name}: port ${port} is in use; free it, or set ${variablePrefix(name)}_PORT.`,
    );
}

const plan = placeServices(await findServices(root), process.env);
const obstacles = await findObstacles(plan);
for (const line of obstacles) console.error(line);
process.exit(obstacles.length > 0 ? 1 : await runServices(plan.placements));
