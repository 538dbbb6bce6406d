import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { DescMessage, DescService, Message } from "@bufbuild/protobuf";
import type { MessageType, MethodTypes, ServiceTypes } from "../../src/types/message-type.ts";

/** What was generated for a schema: code of any target, as it is found. */
export interface GeneratedCode {
  /** All messages, with the domain types of those that have one. */
  readonly messages: readonly DomainMessage[];
  readonly services: readonly ServiceTypes<DescService, Readonly<Record<string, MethodTypes>>>[];
}

export interface DomainMessage {
  readonly schema: DescMessage;
  readonly type: MessageType<Message, object, object> | undefined;
}

type Module = Readonly<Record<string, unknown>>;

/** @param folder the `gen` folder. */
export async function loadGenerated(folder: string, extension: "js" | "ts"): Promise<GeneratedCode> {
  const paths = await readdir(folder, { recursive: true });
  const load = (path: string): Promise<Module> => import(pathToFileURL(join(folder, path)).href);
  const files = paths.filter((path) => path.endsWith(`_pb.${extension}`)).map((path) => path.slice(0, -6));
  const loaded = await Promise.all(
    files.map(async (file) => {
      const hasDomain = paths.includes(`${file}_domain.${extension}`);
      const messages = await load(`${file}_pb.${extension}`);
      const domain = hasDomain ? await load(`${file}_domain.${extension}`) : {};
      return { messages: messagesIn(messages, domain), services: Object.values(domain).filter(isService) };
    }),
  );
  return {
    messages: loaded.flatMap(({ messages }) => messages),
    services: loaded.flatMap(({ services }) => services),
  };
}

function messagesIn(module: Module, domain: Module): readonly DomainMessage[] {
  return Object.values(module)
    .filter(isMessage)
    .map((schema) => {
      const name = schema.typeName.slice(schema.file.proto.package.length + 1).replaceAll(".", "_");
      const type = domain[name] ?? domain[`${name}$`]; // what JavaScript has a name for is called with a `$`
      return { schema, type: type as DomainMessage["type"] }; // the constant of a message's name is its type
    });
}

function isMessage(value: unknown): value is DescMessage {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "message";
}

function isService(value: unknown): value is GeneratedCode["services"][number] {
  return typeof value === "object" && value !== null && "methods" in value;
}
