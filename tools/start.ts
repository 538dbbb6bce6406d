import { join } from "node:path";
import { describePlacements } from "./banner.ts";
import { createCertificateKeeper } from "./certificate-keeper.ts";
import { type Placement, placeServices } from "./placement.ts";
import { findTakenPorts } from "./ports.ts";
import { findServices } from "./services.ts";
import { onStopSignal } from "./stop-signals.ts";
import { createSupervisor } from "./supervisor.ts";

const root = join(import.meta.dirname, "..");
const keeper = createCertificateKeeper("npm start", root);

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
  if (!isStopping) console.log(describePlacements(placements));
  return exitCode;
}

/** What keeps the services from starting at all, a line each. */
async function findObstacles({ placements, mistakes }: ReturnType<typeof placeServices>): Promise<readonly string[]> {
  if (placements.length === 0) return ["There is no service in src/services/."];
  if (mistakes.length > 0) return mistakes;
  const taken = await findTakenPorts(placements);
  return taken.length > 0 ? taken : keeper.keepFor(placements);
}

const plan = placeServices(await findServices(root), process.env, keeper.folder);
const obstacles = await findObstacles(plan);
for (const line of obstacles) console.error(line);
process.exit(obstacles.length > 0 ? 1 : await runServices(plan.placements));
