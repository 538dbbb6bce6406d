import { startChaosProxy } from "./chaos-proxy.ts";

// One connection may wait to be accepted: the system makes it two.

const { port } = await startChaosProxy({ to: { port: Number(process.argv[2]) }, backlog: 1 });
process.send?.(port);
