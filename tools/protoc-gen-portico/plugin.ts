import type { DescFile, DescMessage, DescService } from "@bufbuild/protobuf";
import { createEcmaScriptPlugin, type GeneratedFile, type Schema, type Target } from "@bufbuild/protoplugin";
import manifest from "../../package.json" with { type: "json" };
import { type DomainMessages, findDomainMessages } from "./domain-messages.ts";
import { printConverters, printMakers } from "./print-converters.ts";
import { printService } from "./print-service.ts";
import { printTypes } from "./print-types.ts";

/** Writes a file beside protobuf-es's for each schema that has a message with domain types, directly or below. */
export const plugin = createEcmaScriptPlugin({
  name: "protoc-gen-portico",
  version: `v${manifest.version}`,
  generateTs: generate,
  generateJs: generate,
  generateDts: generate,
});

function generate(schema: Schema, target: Target): void {
  const domain = findDomainMessages(schema);
  for (const file of schema.files) {
    generateFile(schema, file, target, domain);
  }
}

function generateFile(schema: Schema, file: DescFile, target: Target, domain: DomainMessages): void {
  const types = [...schema.typesInFile(file)];
  const messages = types.filter((type): type is DescMessage => type.kind === "message" && domain.has(type));
  const services = types.filter(
    (type): type is DescService =>
      type.kind === "service" && type.methods.some(({ input, output }) => domain.has(input) || domain.has(output)),
  );
  if (messages.length === 0 && services.length === 0) {
    return;
  }
  const generated: GeneratedFile = schema.generateFile(`${file.name}_domain.${target === "dts" ? "d.ts" : target}`);
  generated.preamble(file);
  const printing = { file: generated, target, domain };
  if (target !== "dts") {
    printMakers(printing, messages);
  }
  for (const message of messages) {
    if (target !== "js") {
      printTypes(printing, message);
    }
    printConverters(printing, message);
  }
  for (const service of services) {
    printService(printing, service);
  }
}
