import { createServer } from "node:tls";
import { announce, tlsOptions } from "./arguments.ts";

// node:tls alone, which is the least that a handshake takes in Node: it closes when its clients do, and says nothing.

const isMutual = tlsOptions?.clientCa !== undefined;
const server = createServer({
  cert: tlsOptions?.cert,
  key: tlsOptions?.key,
  ca: tlsOptions?.clientCa,
  requestCert: isMutual,
  rejectUnauthorized: isMutual,
  ALPNProtocols: ["h2"],
});
server.on("secureConnection", (socket) => {
  socket.on("error", () => undefined); // a client that goes away
  socket.resume();
});
server.listen(0, "127.0.0.1", () => announce(server.address()));
