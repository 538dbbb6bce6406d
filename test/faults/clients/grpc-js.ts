import { setTimeout as passed } from "node:timers/promises";
import { Client, type ClientReadableStream, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { grpcJsMethod } from "../../../bench/peers/grpc-js-method.ts";
import { FaultsService } from "../gen/faults/v1/faults_pb.js";
import type { CallKind } from "../load-plan.ts";
import { expectReports, STREAM_MESSAGES, STREAM_PACE_MS } from "../streams.ts";
import type { CallOptions, Calls, Target } from "./tested-client.ts";

const METHODS = {
  idempotent: grpcJsMethod(FaultsService.method.idempotent),
  once: grpcJsMethod(FaultsService.method.once),
  watch: grpcJsMethod(FaultsService.method.watch),
  converse: grpcJsMethod(FaultsService.method.converse),
};

/** Calls by @grpc/grpc-js as it is without an option. */
export function grpcJsCalls(target: Target): Calls {
  const client = new Client(addressOf(target), credentialsFor(target));
  const unary = (kind: "idempotent" | "once", { timeoutMs, ...task }: CallOptions) =>
    new Promise<number>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = METHODS[kind];
      const options = { deadline: Date.now() + timeoutMs };
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, task, options, (error) =>
        error === null ? resolve(1) : reject(error),
      );
    });
  const make: Record<CallKind, (options: CallOptions) => Promise<number>> = {
    idempotent: (options) => unary("idempotent", options),
    once: (options) => unary("once", options),
    watch({ id, timeoutMs }) {
      const { path, requestSerialize, responseDeserialize } = METHODS.watch;
      const task = { id, count: STREAM_MESSAGES };
      const options = { deadline: Date.now() + timeoutMs };
      return count(client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, task, options));
    },
    async converse({ id, timeoutMs }) {
      const { path, requestSerialize, responseDeserialize } = METHODS.converse;
      const options = { deadline: Date.now() + timeoutMs };
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, options);
      const reports = count(call);
      const isOver = reports.then(
        () => true,
        () => true,
      );
      for (let sent = 0; sent < STREAM_MESSAGES; sent++) {
        if (sent > 0 && (await Promise.race([isOver, passed(STREAM_PACE_MS, false)]))) break;
        call.write({ id });
      }
      call.end();
      return reports;
    },
  };
  return {
    call: async (kind, options) => expectReports(kind, await make[kind](options)),
    codeOf(error) {
      const { code, details } = error as Partial<ServiceError>; // whatever it is, an error of a call has both
      return details === undefined || code === undefined ? undefined : status[code]?.toLowerCase();
    },
    async [Symbol.asyncDispose]() {
      client.close();
    },
  };
}

/** The messages of a stream, once it has ended well. */
function count(call: ClientReadableStream<object>): Promise<number> {
  return new Promise((resolve, reject) => {
    let messages = 0;
    call.on("data", () => messages++);
    call.once("error", reject);
    call.once("end", () => resolve(messages));
  });
}

function addressOf({ addresses, port, name, authority }: Target): string {
  // Node refuses an address as the name of a TLS server, and grpc-js gives it.
  if (authority !== undefined) return `localhost:${port}`;
  if (name !== undefined) return `dns:///${name}:${port}`;
  return `ipv4:${addresses.map((address) => `${address}:${port}`).join(",")}`;
}

function credentialsFor({ authority }: Target) {
  return authority === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(authority));
}
