import { readdirSync, readlinkSync } from "node:fs";
import { until } from "../support/until.ts";

/** What a process holds: each kind of resource, and how many. */
export type Holdings = ReadonlyMap<string, number>;

/** What keeps this process alive, and its sockets, also those that do not. */
export function holdings(): Holdings {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (/Timeout|TCP|TLS|Immediate/.test(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  counts.set("socket of the system's", systemSockets());
  return counts;
}

/** What is there beyond `before`, once that has not changed for the better within `patienceMs`. */
export async function leftoversSince(before: Holdings, patienceMs = 1000): Promise<readonly string[]> {
  const left = () =>
    [...holdings()]
      .map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const)
      .filter(([, more]) => more > 0)
      .map(([kind, more]) => `${more} × ${kind}`);
  return until(() => left().length === 0, patienceMs).then(
    () => [],
    () => left(),
  );
}

/** Where the system tells: a socket that is unreferenced does not keep the process alive, but is there. */
function systemSockets(): number {
  try {
    return readdirSync("/proc/self/fd").filter((file) => isSocket(`/proc/self/fd/${file}`)).length;
  } catch {
    return 0; // no /proc on this system
  }
}

function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith("socket:");
  } catch {
    return false; // closed since, as the folder's own descriptor is
  }
}
