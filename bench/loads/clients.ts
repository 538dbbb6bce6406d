import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { credentials, Client as GrpcJsClient } from "@grpc/grpc-js";
import { type Channel, createChannel } from "portico/client";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { grpcJsMethod } from "../peers/grpc-js-method.ts";

/** A client that is measured. */
export interface NameClient {
  processName(name: string): Promise<{ readonly name: string }>;
  close(): void;
}

const TIMEOUT_MS = 60_000;

/** By contender: gRPC, unary, each with its defaults, and a time-out as nobody should call without. */
const CLIENTS: Readonly<Record<string, (ports: readonly number[]) => NameClient>> = {
  channel: (ports) => overChannel(`static:///${ports.map((port) => `127.0.0.1:${port}`).join()}`),
  "channel-one": ([port]) => overChannel(`http://127.0.0.1:${port}`),
  "connect-node"([port]) {
    const baseUrl = `http://127.0.0.1:${port}`;
    const sessionManager = new Http2SessionManager(baseUrl); // what the transport would make, but to be closed
    const transport = createGrpcTransport({ baseUrl, defaultTimeoutMs: TIMEOUT_MS, sessionManager });
    const client = createClient(NameService, transport);
    return { processName: (name) => client.processName({ name }), close: () => sessionManager.abort() };
  },
  "grpc-js"([port]) {
    const client = new GrpcJsClient(`127.0.0.1:${port}`, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = grpcJsMethod(NameService.method.processName);
    return {
      processName: (name) =>
        new Promise((resolve, reject) => {
          const options = { deadline: Date.now() + TIMEOUT_MS };
          client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { name }, options, (error, answer) =>
            error === null ? resolve(answer as { name: string }) : reject(error),
          );
        }),
      close: () => client.close(),
    };
  },
};

/**
 * Opens the client of a contender.
 *
 * @param ports of servers on this machine; all but the channel call the first
 */
export function openClient(contender: string | undefined, ports: readonly number[]): NameClient {
  const client = CLIENTS[contender ?? ""]?.(ports);
  if (client === undefined) throw new Error(`there is no client ${contender}`);
  return client;
}

function overChannel(target: string): NameClient {
  const channel: Channel = createChannel(target, { timeoutMs: TIMEOUT_MS });
  const client = createClient(NameService, channel);
  return {
    processName: (name) => client.processName({ name }),
    close: () => void channel[Symbol.asyncDispose](),
  };
}
