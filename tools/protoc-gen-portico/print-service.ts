import type { DescService } from "@bufbuild/protobuf";
import { domainName, type Printing, runtimeType } from "./printing.ts";

/** Prints a service with the domain types of its messages, for `withDomainTypes`. */
export function printService(printing: Printing, service: DescService): void {
  const { file, target, domain } = printing;
  const desc = file.importSchema(service);
  const isDeclaration = target === "dts";
  const methods = service.methods.flatMap(({ localName, input, output }) => {
    const sides = [
      ...(domain.has(input) ? [["input: ", isDeclaration ? "typeof " : "", domainName(printing, input)]] : []),
      ...(domain.has(output) ? [["output: ", isDeclaration ? "typeof " : "", domainName(printing, output)]] : []),
    ];
    return sides.length === 0 ? [] : [{ localName, sides }];
  });
  file.print(file.jsDoc(`${service.typeName} in domain types, for \`withDomainTypes\`.`));
  if (isDeclaration) {
    file.print(
      file.export("declare const", desc.name),
      ": ",
      runtimeType(printing, "ServiceTypes"),
      "<typeof ",
      desc,
      ", {",
    );
  } else {
    file.print(file.export("const", desc.name), " = {");
    file.print("  desc: ", desc, ",");
    file.print("  methods: {");
  }
  for (const { localName, sides } of methods) {
    const [first, second] = sides;
    file.print(
      isDeclaration ? "  " : "    ",
      localName,
      ": { ",
      first ?? "",
      second === undefined ? "" : ", ",
      second ?? "",
      " }",
      isDeclaration ? ";" : ",",
    );
  }
  if (isDeclaration) {
    file.print("}>;");
  } else {
    file.print("  },");
    file.print("};");
  }
  file.print();
}
