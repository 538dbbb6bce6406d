import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describePlacements } from "./banner.ts";
import { createCertificateKeeper } from "./certificate-keeper.ts";
import { changedPaths, isSchema, type Snapshot, serviceFolder, takeSnapshot, watchForChanges } from "./changes.ts";
import { generate } from "./generation.ts";
import { type Placement, placeServices } from "./placement.ts";
import { findTakenPorts } from "./ports.ts";
import type { RankedService } from "./services.ts";
import { onStopSignal } from "./stop-signals.ts";
import { createSupervisor } from "./supervisor.ts";

const root = join(import.meta.dirname, "..");
const listWithinMs = 30_000;

// A caller that waits on an old process is waited for, but not as long as in production: somebody has saved a file and
// wants to see what it does.
const env = { SHUTDOWN_GRACE_MS: "1000", ...process.env };

const keeper = createCertificateKeeper("npm run dev", root);

const supervisor = createSupervisor({
  root,
  report: console.error,
  onDeath: (name, how) => console.error(`${name} ${how}; the next change starts it again.`),
});

let isStopping = false;
/** What the running services were made of. */
let applied: Snapshot = new Map();
/** What the last round saw, whether it could use it or not: the same again is not worth another try. */
let seen: Snapshot = new Map();
let lastBanner = "";

/**
 * Brings the running services up to date with the files. Whatever is wrong with these is said, and what runs goes on: a
 * schema is generated from and the sources are loaded once on the side before anything is stopped.
 */
async function bringUpToDate(): Promise<void> {
  const found = await takeSnapshot(root);
  if (changedPaths(seen, found).length === 0) return;
  seen = found;
  const isFirst = applied.size === 0;
  const changed = changedPaths(applied, found);
  if (!isFirst) console.log(`\nChanged: ${abbreviate(changed)}.`);
  // At the start there is nothing to keep: the generated code that is there may serve.
  if (changed.some(isSchema) && !(await regenerate()) && !isFirst) return;
  const now = await takeSnapshot(root);
  const services = await listServices();
  if (services === undefined || isStopping) return;
  const { placements, mistakes } = placeServices(services, env, keeper.folder);
  const obstacles = mistakes.length > 0 ? mistakes : await keeper.keepFor(placements);
  for (const line of obstacles) console.error(line);
  if (obstacles.length > 0) return;
  seen = now;
  const affected = affectedServices(services, changedPaths(applied, now));
  applied = now;
  await restart(placements, affected);
}

function affectedServices(services: readonly RankedService[], changed: readonly string[]): readonly string[] {
  const folders = new Set(changed.map(serviceFolder));
  const running = supervisor.running();
  return services
    .filter(({ name, folder }) => folders.has(undefined) || folders.has(folder) || !running.includes(name))
    .map(({ name }) => name);
}

/** Replaces the affected services, and stops those that are no longer there. */
async function restart(placements: readonly Placement[], affected: readonly string[]): Promise<void> {
  const startedAt = performance.now();
  const present = placements.map(({ service }) => service.name);
  await supervisor.stop(supervisor.running().filter((name) => affected.includes(name) || !present.includes(name)));
  const chosen = placements.filter(({ service }) => affected.includes(service.name));
  const taken = await findTakenPorts(chosen);
  for (const line of taken) console.error(line);
  if (taken.length > 0 || isStopping) return;
  const outcomes = await Promise.all(
    chosen.map(async (placement) => ({ placement, failure: await supervisor.start(placement) })),
  );
  if (isStopping) return;
  for (const { placement, failure } of outcomes) {
    if (failure !== undefined) console.error(`${placement.service.name} ${failure}; the next change starts it again.`);
  }
  const ready = outcomes.filter(({ failure }) => failure === undefined).map(({ placement }) => placement.service.name);
  const banner = describePlacements(placements);
  if (ready.length === present.length && banner !== lastBanner) {
    console.log(banner);
    lastBanner = banner;
  } else if (ready.length > 0) {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    console.log(`Restarted ${ready.join(", ")} in ${seconds} s.`);
  }
}

async function regenerate(): Promise<boolean> {
  const result = await generate(root, { accept: true });
  if (!result.isSuccess && !isStopping) console.error(`buf generate failed; gen/ stays as it was.\n${result.output}`);
  if (result.isSuccess && result.differences.length > 0) console.log("Generated gen/ anew.");
  return result.isSuccess;
}

/**
 * Asks a fresh process for the services: it loads the sources as they are now, so that what does not load is found out
 * before anything is stopped.
 */
async function listServices(): Promise<readonly RankedService[] | undefined> {
  const program = join(root, "tools/services.ts");
  const child = spawn(process.execPath, ["--conditions=portico-source", program], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: listWithinMs,
  });
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [code, listing, complaint] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
  if (code !== 0) {
    if (!isStopping) console.error(`The sources do not load; what runs goes on.\n${complaint}`);
    return undefined;
  }
  // Our own program's answer; a source that prints while it loads would come before its last line.
  return JSON.parse(listing.trim().split("\n").at(-1) ?? "[]") as readonly RankedService[];
}

function abbreviate(paths: readonly string[]): string {
  const shown = paths.slice(0, 3).join(", ");
  return paths.length > 3 ? `${shown} and ${paths.length - 3} more` : shown;
}

const { promise: stopRequested, resolve: requestStop } = Promise.withResolvers<void>();
onStopSignal(
  () => {
    isStopping = true;
    requestStop();
    // At once, so that a round does not wait for services that are starting.
    void supervisor.stop();
  },
  () => {
    supervisor.kill();
    process.exit(1);
  },
);
while (!isStopping) {
  // It looks out from before the round: what changes meanwhile starts the next.
  using lookout = watchForChanges(root);
  await bringUpToDate();
  if (!isStopping) await Promise.race([lookout.changed, stopRequested]);
}
process.exit((await supervisor.stop()) ? 0 : 1);
