import { until } from "./until.ts";

/** How many TCP connections this process holds, both ends of those to itself. */
export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
}

/** Resolves once no more than `count` connections are left. */
export async function socketsDownTo(count: number): Promise<void> {
  await until(() => openSockets() <= count);
}
