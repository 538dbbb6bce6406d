import { once } from "node:events";
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { announce, tlsOptions } from "./arguments.ts";
import { grpcJsMethod } from "./grpc-js-method.ts";
import { RepeatService } from "./repeat.ts";

// @grpc/grpc-js with its defaults, and no interceptors.

interface Name {
  readonly name: string;
}

function definitionOf(service: { readonly methods: readonly Parameters<typeof grpcJsMethod>[0][] }) {
  return Object.fromEntries(service.methods.map((method) => [method.localName, grpcJsMethod(method)]));
}

const server = new Server();
server.addService(definitionOf(NameService), {
  processName({ request }: ServerUnaryCall<Name, Name>, answer: sendUnaryData<Name>) {
    answer(null, { name: request.name.toUpperCase() });
  },
  processNames(call: ServerDuplexStream<Name, Name>) {
    call.on("data", ({ name }: Name) => call.write({ name: name.toUpperCase() }));
    call.on("end", () => call.end());
  },
});
server.addService(definitionOf(RepeatService), {
  async repeat(call: ServerWritableStream<Name & { readonly count: number }, Name>) {
    const { name, count } = call.request;
    for (let i = 0; i < count; i++) {
      if (!call.write({ name })) await once(call, "drain");
    }
    call.end();
  },
});
const credentials =
  tlsOptions === undefined
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(
        tlsOptions.clientCa ?? null,
        [{ cert_chain: tlsOptions.cert, private_key: tlsOptions.key }],
        tlsOptions.clientCa !== undefined,
      );
server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
  if (error !== null) throw error;
  announce({ port });
});
