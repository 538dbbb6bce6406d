import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";

/** A method for `@grpc/grpc-js`, with the same codec below it as all other peers in TypeScript. */
export function grpcJsMethod(method: DescMethod): MethodDefinition<object, object> {
  const { parent, name, input, output, methodKind } = method;
  return {
    path: `/${parent.typeName}/${name}`,
    requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
    requestSerialize: (message) => serialize(input, message as MessageInitShape<DescMessage>),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (message) => serialize(output, message as MessageInitShape<DescMessage>),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

function serialize(schema: DescMessage, message: MessageInitShape<DescMessage>): Buffer {
  const { buffer, byteOffset, length } = toBinary(schema, create(schema, message));
  return Buffer.from(buffer, byteOffset, length);
}
