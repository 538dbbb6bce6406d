import { startService } from "../src/service/start.ts";
import { sample } from "./sample.ts";
import { soaked } from "./service.ts";

// The process that is soaked. It tells its port, and a sample of itself whenever it is asked.

const service = await startService(soaked, {
  env: { ...process.env, NODE_ENV: "production", HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "warn" },
  destination: { write: (line) => process.stderr.write(line) },
  terminal: false,
});

tell({ port: service.address.port });
process.on("message", (message) => {
  if (message === "sample") {
    void sample().then((taken) => tell({ ...taken, ...service.stats() }));
  } else {
    void service.stop().then(() => process.disconnect?.()); // there is a parent: it has sent this
  }
});

function tell(message: object): void {
  process.send?.(message);
}
