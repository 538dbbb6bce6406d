import type { DescExtension, DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
import { qualifiedName } from "@bufbuild/protobuf/reflect";

// Numbers in descriptor.proto, of which a location's path is made: FileDescriptorProto.message_type and .extension,
// DescriptorProto.nested_type, .extension and .field, FieldDescriptorProto.options.
const MESSAGE_TYPE = 4;
const EXTENSION = 7;
const NESTED_TYPE = 3;
const NESTED_EXTENSION = 6;
const FIELD = 2;
const OPTIONS = 8;

/** A line on an option of a field, as compilers write them: `orders/v1/orders.proto:12:3: Order.id: …`. */
export function located(field: DescField | DescExtension, option: DescExtension, problem: string): string {
  const file = field.kind === "field" ? field.parent.file : field.file;
  const path = pathOf(field);
  const [line, column] = positionIn(file, [...path, OPTIONS, option.number]) ?? positionIn(file, path) ?? [];
  const position = line === undefined ? "" : `:${line + 1}:${(column ?? 0) + 1}`;
  return `${file.proto.name}${position}: ${qualifiedName(field)}: ${problem}`;
}

/** By the places in descriptors as they came: protobuf-es's own lists leave out what a map is made of. */
function pathOf(desc: DescMessage | DescField | DescExtension): readonly number[] {
  if (desc.kind === "field") {
    return [...pathOf(desc.parent), FIELD, desc.parent.proto.field.indexOf(desc.proto)];
  }
  const { file, parent } = desc;
  if (desc.kind === "extension") {
    return parent === undefined
      ? [EXTENSION, file.proto.extension.indexOf(desc.proto)]
      : [...pathOf(parent), NESTED_EXTENSION, parent.proto.extension.indexOf(desc.proto)];
  }
  return parent === undefined
    ? [MESSAGE_TYPE, file.proto.messageType.indexOf(desc.proto)]
    : [...pathOf(parent), NESTED_TYPE, parent.proto.nestedType.indexOf(desc.proto)];
}

/** Line and column, from 0. */
function positionIn(file: DescFile, path: readonly number[]): readonly number[] | undefined {
  const wanted = path.join();
  return file.proto.sourceCodeInfo?.location.find((location) => location.path.join() === wanted)?.span;
}
