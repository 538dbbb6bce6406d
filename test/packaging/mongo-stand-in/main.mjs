// Stands in for mongod: FerretDB ends with its standard input and listens on loopback alone, so that others come by a relay.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { pipeline } from "node:stream";

const database = spawn("mongo-server", ["-port", "27018", "-folder", "/data/db"], {
  stdio: ["pipe", "pipe", "inherit"],
});
database.once("exit", (code) => process.exit(code ?? 1));
process.once("SIGTERM", () => database.kill());
await once(database.stdout, "data"); // the URL: it listens

const relay = createServer((peer) => {
  const onward = connect(27018, "127.0.0.1");
  pipeline(peer, onward, peer, () => undefined); // whichever ends, ends both
});
relay.listen(27017);
