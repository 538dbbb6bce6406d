import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { Client, type ClientDuplexStream, credentials, Metadata, type StatusObject, status } from "@grpc/grpc-js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";

// @grpc/grpc-js behind Connect's Transport, so that one suite calls through both. What goes over the wire is grpc-js's.

export function grpcJsTransport(url: string): Transport & Disposable {
  const client = new Client(new URL(url).host, credentials.createInsecure());
  return {
    unary(method, signal, timeoutMs, header, input) {
      return new Promise((resolve, reject) => {
        const { serialize, deserialize } = codec(method);
        const responseHeader = new Headers();
        let message: MessageShape<typeof method.output> | undefined;
        let failure: ConnectError | undefined;
        const call = client.makeUnaryRequest(
          pathOf(method),
          serialize,
          deserialize,
          input,
          metadataFrom(header),
          deadline(timeoutMs),
          (error, answer) => {
            failure = error === null ? undefined : errorFrom(error);
            message = answer;
          },
        );
        call.on("metadata", (metadata) => copyFields(metadata, responseHeader));
        call.on("status", ({ metadata }) => {
          if (message === undefined) {
            reject(failure ?? new Error("grpc-js gave neither an answer nor an error"));
          } else {
            const trailer = new Headers();
            copyFields(metadata, trailer);
            resolve({
              stream: false,
              service: method.parent,
              method,
              header: responseHeader,
              trailer,
              message,
            });
          }
        });
        cancelAt(signal, () => call.cancel());
      });
    },
    async stream(method, signal, timeoutMs, header, input) {
      // On gRPC's wire, every kind of stream is a bidirectional one with fewer messages.
      const { serialize, deserialize } = codec(method);
      const call = client.makeBidiStreamRequest(
        pathOf(method),
        serialize,
        deserialize,
        metadataFrom(header),
        deadline(timeoutMs),
      );
      const responseHeader = new Headers();
      const trailer = new Headers();
      call.on("metadata", (metadata) => copyFields(metadata, responseHeader));
      call.on("status", ({ metadata }) => copyFields(metadata, trailer));
      cancelAt(signal, () => call.cancel());
      void writeAll(call, input);
      const message = readAll(call);
      return { stream: true, service: method.parent, method, header: responseHeader, trailer, message };
    },
    [Symbol.dispose]: () => client.close(),
  };
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function codec<I extends DescMessage, O extends DescMessage>(method: { readonly input: I; readonly output: O }) {
  return {
    serialize: (message: MessageInitShape<I>) => Buffer.from(toBinary(method.input, create(method.input, message))),
    deserialize: (bytes: Buffer): MessageShape<O> => fromBinary(method.output, Uint8Array.from(bytes)),
  };
}

function deadline(timeoutMs: number | undefined) {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function cancelAt(signal: AbortSignal | undefined, cancel: () => void): void {
  signal?.addEventListener("abort", cancel, { once: true });
}

async function writeAll<I, O>(call: ClientDuplexStream<I, O>, messages: AsyncIterable<I>): Promise<void> {
  for await (const message of messages) {
    call.write(message);
  }
  call.end();
}

async function* readAll<I, O>(call: ClientDuplexStream<I, O>): AsyncIterable<O> {
  try {
    // A readable stream's chunks have no type of their own; these are what the codec made.
    yield* call as AsyncIterable<O>;
  } catch (error) {
    // A stream of grpc-js fails with its status.
    throw errorFrom(error as StatusObject);
  }
}

function metadataFrom(header: HeadersInit | undefined): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of new Headers(header)) {
    metadata.set(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}

function copyFields(metadata: Metadata, to: Headers): void {
  for (const [name, values] of Object.entries(metadata.toHttp2Headers())) {
    for (const value of [values ?? []].flat()) {
      to.append(name, String(value));
    }
  }
}

function errorFrom({ code, details, metadata }: StatusObject): ConnectError {
  const fields = new Headers();
  copyFields(metadata, fields);
  const error = new ConnectError(details, code === status.OK ? Code.Unknown : Number(code), fields);
  const [serialized] = metadata.get("grpc-status-details-bin");
  if (serialized instanceof Buffer) {
    error.details = fromBinary(StatusSchema, serialized).details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
      value,
    }));
  }
  return error;
}
