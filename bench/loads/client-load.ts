import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { credentials, Client as GrpcJsClient } from "@grpc/grpc-js";
import { createChannel } from "portico/client";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { grpcJsMethod } from "../peers/grpc-js-method.ts";
import { takeOrders } from "./orders.ts";

// The client that is measured, by its name as the first argument: gRPC, unary, each with its defaults, and a time-out as
// nobody should call without.

/** What it is to do. */
export interface ClientOrder {
  readonly port: number;
  readonly count: number;
  readonly inFlight: number;
}

const TIMEOUT_MS = 60_000;

type ProcessName = (name: string) => Promise<{ readonly name: string }>;

const CLIENTS: Readonly<Record<string, (port: number) => ProcessName>> = {
  channel(port) {
    const client = createClient(NameService, createChannel(`http://127.0.0.1:${port}`, { timeoutMs: TIMEOUT_MS }));
    return (name) => client.processName({ name });
  },
  "connect-node"(port) {
    const baseUrl = `http://127.0.0.1:${port}`;
    const client = createClient(NameService, createGrpcTransport({ baseUrl, defaultTimeoutMs: TIMEOUT_MS }));
    return (name) => client.processName({ name });
  },
  "grpc-js"(port) {
    const client = new GrpcJsClient(`127.0.0.1:${port}`, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = grpcJsMethod(NameService.method.processName);
    return (name) =>
      new Promise((resolve, reject) => {
        const options = { deadline: Date.now() + TIMEOUT_MS };
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { name }, options, (error, answer) =>
          error === null ? resolve(answer as { name: string }) : reject(error),
        );
      });
  },
};

let processName: ProcessName | undefined;

takeOrders(async ({ port, count, inFlight }: ClientOrder) => {
  processName ??= CLIENTS[process.argv[2] ?? ""]?.(port);
  const call = processName;
  if (call === undefined) throw new Error(`there is no client ${process.argv[2]}`);
  let begun = 0;
  const callOnAndOn = async () => {
    while (begun++ < count) {
      const { name } = await call("test");
      if (name !== "TEST") throw new Error(`the answer is ${name}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, callOnAndOn));
});
