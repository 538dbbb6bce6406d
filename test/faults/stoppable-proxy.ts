import { fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as passed } from "node:timers/promises";

/** How long a connection that is accepted takes at the most, in milliseconds, on the machine itself. */
const ACCEPTED_WITHIN_MS = 100;

/** A server whose process can be stopped, so that it accepts nothing, and whose queue is then full. */
export interface StoppableProxy extends AsyncDisposable {
  readonly port: number;
  /** Resolves once no further connection finds a place in the queue. */
  stop(): Promise<void>;
  resume(): void;
}

/** Starts one that leads to a port of 127.0.0.1. */
export async function startStoppableProxy(to: number): Promise<StoppableProxy> {
  const child = fork(new URL("./stoppable-proxy-main.ts", import.meta.url), [String(to)], {
    execArgv: ["--conditions=portico-source"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exit = once(child, "exit");
  const [port] = (await once(child, "message")) as [number]; // the only thing that it says
  const fillers: Socket[] = [];
  const leave = () => {
    for (const filler of fillers.splice(0)) filler.destroy();
  };
  return {
    port,
    async stop() {
      child.kill("SIGSTOP");
      for (let isAccepted = true; isAccepted; ) {
        const filler = connect(port, "127.0.0.1").on("error", () => undefined);
        fillers.push(filler);
        const connected = once(filler, "connect").then(() => true);
        isAccepted = await Promise.race([connected, passed(ACCEPTED_WITHIN_MS, false)]);
      }
    },
    resume() {
      child.kill("SIGCONT");
      leave();
    },
    async [Symbol.asyncDispose]() {
      leave();
      child.kill("SIGKILL");
      await exit;
    },
  };
}
