import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createChannel } from "portico";
import { inCall } from "portico/testing";
import { readFirstBytes } from "../../src/server/first-bytes.ts";
import { BehaviourService } from "./gen/behaviour/v1/behaviour_pb.js";
import { behaviourMethods } from "./methods.ts";

// The suite's methods by connect-node itself, on one port for both versions of HTTP, as the services have it.

const next = createClient(BehaviourService, createChannel("http://localhost:1"));
const answer = connectNodeAdapter({
  routes: (router) => router.service(BehaviourService, behaviourMethods(next)),
  readMaxBytes: 4 * 1024 * 1024,
});
/** The methods look for the call that they are part of. */
const listener: typeof answer = (request, response) => {
  void inCall({}, async () => {
    const over = once(response, "close");
    answer(request, response);
    await over;
  });
};
const http1 = http.createServer(listener);
const over2 = http2.createServer(listener);
const port = createServer((socket) => {
  socket.on("error", () => undefined); // callers go away
  const handOver = (protocol: "http1" | "http2") => {
    if (protocol === "http1") {
      http1.emit("connection", socket);
      socket.resume();
    } else {
      over2.emit("connection", socket);
    }
  };
  readFirstBytes(socket, handOver, () => undefined);
});
port.listen(0, "127.0.0.1");
await once(port, "listening");
const message = `action=start, status=success, address=127.0.0.1:${(port.address() as AddressInfo).port}`; // it has a port
console.log(JSON.stringify({ levelname: "INFO", name: "reference", message }));
