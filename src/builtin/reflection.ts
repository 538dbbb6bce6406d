import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { file_google_rpc_error_details } from "../../gen/google/rpc/error_details_pb.js";
import * as v1 from "../../gen/grpc/reflection/v1/reflection_pb.js";
import * as v1alpha from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { withImports } from "../call/schema-files.ts";
import { type Implementation, implement } from "../wire/implement.ts";

/**
 * Server reflection, v1 and v1alpha (which many released tools still ask first or only), over the schemas of
 * `services` and of whatever they import. `services` are those that are served; the two reflection services are listed
 * whether they are among them or not.
 *
 * As in grpc-go, an answer with files holds the file asked for and those of its transitive imports that this stream has
 * not carried yet. A question without an answer is an `error_response`, and the stream goes on.
 *
 * Protocol: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md and the comments in reflection.proto.
 */
export function reflectionServices(services: readonly DescService[]): readonly Implementation[] {
  const answer = answerFrom([...services, v1.ServerReflection, v1alpha.ServerReflection]);

  async function* converse<R extends Request>(requests: AsyncIterable<R>) {
    const sent = new Set<string>();
    for await (const request of requests) {
      yield { validHost: request.host, originalRequest: request, messageResponse: answer(request, sent) };
    }
  }

  return [
    implement(v1.ServerReflection, { serverReflectionInfo: (requests) => converse(requests) }),
    implement(v1alpha.ServerReflection, { serverReflectionInfo: (requests) => converse(requests) }),
  ];
}

/** The two versions' messages are the same but for their package. */
type Request = v1.ServerReflectionRequest | v1alpha.ServerReflectionRequest;

/** `sent` holds the names of the files that the stream has carried; the function adds those that its answer carries. */
function answerFrom(services: readonly DescService[]) {
  const serviceNames = [...new Set(services.map((service) => service.typeName))].sort();
  // Errors carry their details as Any: whoever shows them asks for the schema of the usual ones here.
  const schema = indexFiles([...services.map((service) => service.file), file_google_rpc_error_details]);

  function filesAnswer(file: DescFile | undefined, sent: Set<string>) {
    if (file === undefined) return error(Code.NotFound, "no file known here has that");
    const fileDescriptorProto: Uint8Array[] = [];
    for (const { proto } of withImports([file])) {
      if (proto !== file.proto && sent.has(proto.name)) continue;
      sent.add(proto.name);
      fileDescriptorProto.push(toBinary(FileDescriptorProtoSchema, proto));
    }
    return { case: "fileDescriptorResponse", value: { fileDescriptorProto } } as const;
  }

  return ({ messageRequest: question }: Request, sent: Set<string>) => {
    switch (question.case) {
      case "listServices":
        return { case: "listServicesResponse", value: { service: serviceNames.map((name) => ({ name })) } } as const;
      case "fileByFilename":
        if (question.value === "") return error(Code.InvalidArgument, "file_by_filename is empty");
        return filesAnswer(schema.byFileName.get(question.value), sent);
      case "fileContainingSymbol":
        if (question.value === "") return error(Code.InvalidArgument, "file_containing_symbol is empty");
        return filesAnswer(schema.bySymbol.get(question.value), sent);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = question.value;
        if (containingType === "") return error(Code.InvalidArgument, "containing_type is empty");
        return filesAnswer(schema.byExtension.get(containingType)?.get(extensionNumber), sent);
      }
      case "allExtensionNumbersOfType": {
        const baseTypeName = question.value;
        if (baseTypeName === "") return error(Code.InvalidArgument, "all_extension_numbers_of_type is empty");
        if (!schema.bySymbol.has(baseTypeName)) return error(Code.NotFound, "no type of that name is known here");
        const extensionNumber = [...(schema.byExtension.get(baseTypeName)?.keys() ?? [])];
        return { case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber } } as const;
      }
      default:
        return error(Code.InvalidArgument, "message_request is not set, or is one that this server does not know");
    }
  };
}

/** Connect's codes are gRPC's, number for number. Messages name nothing that was sent: `original_request` does. */
function error(errorCode: Code, errorMessage: string) {
  return { case: "errorResponse", value: { errorCode, errorMessage } } as const;
}

/** Which file declares what. Where two files claim a name, the first in the order of `roots` has it. */
function indexFiles(roots: readonly DescFile[]) {
  const byFileName = new Map<string, DescFile>();
  const bySymbol = new Map<string, DescFile>();
  /** By the full name of the message extended, then by the extension's number. */
  const byExtension = new Map<string, Map<number, DescFile>>();
  for (const file of withImports(roots)) {
    if (byFileName.has(file.proto.name)) continue;
    byFileName.set(file.proto.name, file);
    for (const symbol of symbolsOf(file.proto)) {
      if (!bySymbol.has(symbol)) bySymbol.set(symbol, file);
    }
    for (const { extendee, number } of extensionsOf(file.proto)) {
      const typeName = extendee.replace(/^\./, ""); // a descriptor writes a resolved name with a dot before it
      const numbers = byExtension.get(typeName) ?? new Map<number, DescFile>();
      byExtension.set(typeName, numbers);
      if (!numbers.has(number)) numbers.set(number, file);
    }
  }
  return { byFileName, bySymbol, byExtension };
}

// The walks below read the descriptor rather than protobuf-es' tree of it, which leaves out synthetic map entries and
// oneofs: a tool may ask for any name that the descriptor holds.

function* symbolsOf(file: FileDescriptorProto): Iterable<string> {
  const scope = file.package === "" ? "" : `${file.package}.`;
  for (const service of file.service) {
    yield `${scope}${service.name}`;
    for (const method of service.method) yield `${scope}${service.name}.${method.name}`;
  }
  for (const message of file.messageType) yield* symbolsOfMessage(message, scope);
  for (const each of file.enumType) yield* symbolsOfEnum(each, scope);
  for (const extension of file.extension) yield `${scope}${extension.name}`;
}

function* symbolsOfMessage(message: DescriptorProto, outerScope: string): Iterable<string> {
  yield `${outerScope}${message.name}`;
  const scope = `${outerScope}${message.name}.`;
  for (const { name } of [...message.field, ...message.oneofDecl, ...message.extension]) yield `${scope}${name}`;
  for (const nested of message.nestedType) yield* symbolsOfMessage(nested, scope);
  for (const each of message.enumType) yield* symbolsOfEnum(each, scope);
}

/** An enum's values are named as its siblings (`pkg.VALUE`, not `pkg.Enum.VALUE`): protobuf scopes them as C++ does. */
function* symbolsOfEnum({ name, value: values }: EnumDescriptorProto, scope: string): Iterable<string> {
  yield `${scope}${name}`;
  for (const value of values) yield `${scope}${value.name}`;
}

function* extensionsOf(declarer: FileDescriptorProto | DescriptorProto): Iterable<FieldDescriptorProto> {
  yield* declarer.extension;
  const messages =
    declarer.$typeName === "google.protobuf.FileDescriptorProto" ? declarer.messageType : declarer.nestedType;
  for (const message of messages) yield* extensionsOf(message);
}
