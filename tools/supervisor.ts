import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { Placement } from "./placement.ts";
import { untilStarted } from "./readiness.ts";

const startWithinMs = 30_000;
/** What a service gets on top of its own delay and grace before it is killed. */
const stopMarginMs = 10_000;
const exitedWell = "exited with code 0";

/** Starts services as child processes and owns them: none outlives this process. */
export interface Supervisor {
  /**
   * Starts a service, which must not be running, and waits until it has started; what it still lacks to be ready is
   * reported.
   * @returns What went wrong, such as "exited with code 1", or nothing. A service that has not started in time is stopped.
   */
  start(placement: Placement): Promise<string | undefined>;
  /**
   * Stops services (all, unless named): callers first, and nobody before everybody above has exited.
   * @returns Whether each exited as it should; one that did not has been reported.
   */
  stop(names?: readonly string[]): Promise<boolean>;
  /** The names of the services that run. */
  running(): readonly string[];
  /** Kills every service at once, with all that they have started. */
  kill(): void;
}

interface Options {
  /** The repository's folder. */
  readonly root: string;
  /** Takes a line for the user. */
  readonly report: (line: string) => void;
  /** Called when a service that had started ends without having been told to; `how` is such as "was killed by SIGKILL". */
  readonly onDeath: (name: string, how: string) => void;
}

interface Child {
  readonly placement: Placement;
  readonly process: ChildProcess;
  readonly ended: Promise<string>;
  state: "starting" | "started" | "stopping";
  /** Whether it stopped as it should; it is told once, since a second signal means that nobody waits any longer. */
  stopped?: Promise<boolean>;
}

export function createSupervisor({ root, report, onDeath }: Options): Supervisor {
  const children = new Map<string, Child>();

  async function start(placement: Placement): Promise<string | undefined> {
    const { name } = placement.service;
    const process = spawnService(root, placement);
    const child: Child = { placement, process, ended: endOf(process), state: "starting" };
    children.set(name, child);
    const enough = new AbortController();
    const ended = child.ended.then((how) => {
      children.delete(name);
      enough.abort();
      if (child.state === "started") onDeath(name, how);
      return how;
    });
    const failing = await untilStarted(placement, AbortSignal.any([enough.signal, AbortSignal.timeout(startWithinMs)]));
    if (enough.signal.aborted) return ended;
    if (failing !== undefined) {
      if (child.state !== "starting") return undefined;
      child.state = "started";
      if (failing.length > 0) {
        report(`${name} runs, but is not ready (${placement.url}/readyz): ${failing.join(", ")}. Its log says why.`);
      }
      return undefined;
    }
    await stopChild(child);
    return `was not ready within ${startWithinMs / 1_000} s (${placement.url}/readyz)`;
  }

  async function stopChild(child: Child): Promise<boolean> {
    child.stopped ??= endChild(child);
    return child.stopped;
  }

  async function endChild(child: Child): Promise<boolean> {
    const { service, env } = child.placement;
    // Until it listens for signals, one that is starting ends by SIGTERM itself.
    const proper = child.state === "starting" ? [exitedWell, "was killed by SIGTERM"] : [exitedWell];
    const patienceMs =
      milliseconds(env["SHUTDOWN_DELAY_MS"], 0) + milliseconds(env["SHUTDOWN_GRACE_MS"], 10_000) + stopMarginMs;
    child.state = "stopping";
    child.process.kill("SIGTERM");
    const timer = setTimeout(() => {
      report(`${service.name} has not stopped within ${patienceMs / 1_000} s and is killed.`);
      killGroup(child.process);
    }, patienceMs);
    const how = await child.ended;
    clearTimeout(timer);
    if (!proper.includes(how)) report(`${service.name} ${how} while it was stopping.`);
    return proper.includes(how);
  }

  async function stop(names: readonly string[] = [...children.keys()]): Promise<boolean> {
    const chosen = [...children.values()].filter(({ placement }) => names.includes(placement.service.name));
    const ranks = new Set(chosen.map(({ placement }) => placement.service.rank));
    let isClean = true;
    for (const rank of [...ranks].sort((a, b) => b - a)) {
      const layer = chosen.filter(({ placement }) => placement.service.rank === rank);
      const outcomes = await Promise.all(layer.map(stopChild));
      isClean &&= outcomes.every(Boolean);
    }
    return isClean;
  }

  function kill(): void {
    for (const child of children.values()) {
      child.state = "stopping";
      killGroup(child.process);
    }
  }

  // Whatever ends this process, an uncaught error too: see end-with-parent.ts for the one that runs no handler, SIGKILL.
  process.once("exit", kill);
  return { start, stop, kill, running: () => [...children.keys()] };
}

/** A service in a process group of its own: see end-with-parent.ts. It writes its log to our own standard output. */
function spawnService(root: string, { service, env }: Placement): ChildProcess {
  const preload = join(root, "tools/end-with-parent.ts");
  const main = join(root, "src/services", service.folder, "main.ts");
  return spawn(process.execPath, ["--conditions=portico-source", "--import", preload, main], {
    cwd: root,
    env,
    detached: true,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}

async function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("exit", (code, signal) => resolve(signal ? `was killed by ${signal}` : `exited with code ${code}`));
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, "SIGKILL");
}

function milliseconds(text: string | undefined, otherwise: number): number {
  const value = Number(text || otherwise);
  return Number.isFinite(value) ? value : otherwise;
}
