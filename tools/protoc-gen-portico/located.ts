import type { DescExtension, DescField, DescMessage } from "@bufbuild/protobuf";

// Numbers in descriptor.proto, of which a location's path is made: FileDescriptorProto.message_type,
// DescriptorProto.nested_type, DescriptorProto.field, FieldDescriptorProto.options.
const MESSAGE_TYPE = 4;
const NESTED_TYPE = 3;
const FIELD = 2;
const OPTIONS = 8;

/** A line on an option of a field, as compilers write them: `orders/v1/orders.proto:12:3: Order.id: …`. */
export function located(field: DescField, option: DescExtension, problem: string): string {
  const { parent } = field;
  const { file } = parent;
  const path = [...pathOf(parent), FIELD, parent.fields.indexOf(field)];
  const [line, column] = positionOf(field, [...path, OPTIONS, option.number]) ?? positionOf(field, path) ?? [];
  const position = line === undefined ? "" : `:${line + 1}:${(column ?? 0) + 1}`;
  return `${file.proto.name}${position}: ${parent.typeName}.${field.name}: ${problem}`;
}

function pathOf(message: DescMessage): readonly number[] {
  return message.parent === undefined
    ? [MESSAGE_TYPE, message.file.messages.indexOf(message)]
    : [...pathOf(message.parent), NESTED_TYPE, message.parent.nestedMessages.indexOf(message)];
}

/** Line and column, from 0. */
function positionOf({ parent }: DescField, path: readonly number[]): readonly number[] | undefined {
  const wanted = path.join();
  return parent.file.proto.sourceCodeInfo?.location.find((location) => location.path.join() === wanted)?.span;
}
