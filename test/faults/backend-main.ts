import { writeSync } from "node:fs";
import { startBackend } from "./backend.ts";

// A replica as a process of its own, to be killed. It opens its port when it is told to, so that what a process takes to
// start is no part of any fault. Of the calls that it runs it says so on standard error, at once: whoever counts them is to
// know of those that it was killed over, too.

process.once("message", async (port: number) => {
  const backend = await startBackend({ port, onRun: ({ kind, id }) => writeSync(2, `ran ${kind} ${id}\n`) });
  process.send?.(backend.port);
});
process.send?.("ready");
