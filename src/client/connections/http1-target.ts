import * as http from "node:http";
import * as https from "node:https";
import * as net from "node:net";
import { channelClosed } from "./channel-closed.ts";
import type { ChannelTls } from "./connect-socket.ts";
import type { HttpTarget } from "./http-request.ts";
import { Http1Request } from "./http1-request.ts";

/** A target over HTTP/1.1: a connection for every call under way, kept for the next one afterwards. */
export function createHttp1Target(url: URL, tls: ChannelTls = {}): HttpTarget {
  const { Agent, request: begin } = url.protocol === "https:" ? https : http;
  const agent = new Agent({ ...tls, keepAlive: true });
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1"); // an IPv6 address stands in brackets
  let isClosed = false;
  return {
    origin: url.origin,
    request(head, body, listener) {
      if (isClosed) {
        throw channelClosed(url.origin); // an agent that is destroyed would connect anew
      }
      // By the target's name, whatever `host` a caller sends.
      const servername = net.isIP(host) === 0 ? host : "";
      const options = { agent, host, port: url.port, servername, method: head.method, path: head.path };
      return new Http1Request((headers) => begin({ ...options, headers }), head, body, listener);
    },
    close() {
      isClosed = true;
      agent.destroy();
    },
  };
}
