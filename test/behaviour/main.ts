import { pino } from "pino";
import { run } from "portico";
import { startService } from "../../src/service/start.ts";
import { behaviour } from "./service.ts";

// As a user runs it; or, for the suite to prove both alike, with all calls by Connect's universal handlers.
if (process.env["BEHAVIOUR_RPC_PATH"] === "universal") {
  const surroundings = {
    env: process.env,
    destination: pino.destination({ fd: 1, sync: true }),
    terminal: false,
    rpcPath: "universal" as const,
  };
  await startService(behaviour, surroundings);
} else {
  await run(behaviour);
}
