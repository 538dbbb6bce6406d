import { type DescExtension, type DescField, type DescMessage, hasOption } from "@bufbuild/protobuf";
import type { Schema } from "@bufbuild/protoplugin";
import { type DomainField, type DomainOptions, domainField, findOptions } from "./domain-fields.ts";
import { located } from "./located.ts";

/** The messages that have domain types: a field of theirs, or of a message below them, has an option of ours. */
export interface DomainMessages {
  has(message: DescMessage | undefined): boolean;
  fieldOf(field: DescField): DomainField;
}

/** @throws Error with a line for each option that is wrong: file, line, column, what is allowed */
export function findDomainMessages(schema: Schema): DomainMessages {
  const options = findOptions(schema);
  if (options === undefined) {
    return {
      has: () => false,
      fieldOf: (field) => ({ kind: undefined, key: field.localName, isMarked: false, problems: [] }),
    };
  }
  const types = schema.allFiles.flatMap((file) => [...schema.typesInFile(file)]);
  const messages = types.filter((type) => type.kind === "message");
  const extensions = types.filter((type) => type.kind === "extension");
  const fields = new Map(
    messages.flatMap((message) => message.fields).map((field) => [field, domainField(field, options)]),
  );
  const complaints = [
    ...[...fields].flatMap(([field, { problems }]) =>
      problems.map(([option, problem]) => located(field, option, problem)),
    ),
    ...messages.flatMap((message) =>
      doubleKeys(message, fields).map((field) => {
        const { key } = fields.get(field) ?? {};
        return located(field, options.key, `key = ${JSON.stringify(key)} is another field's in ${message.typeName}`);
      }),
    ),
    ...extensions.flatMap((extension) => misplaced(extension, options)),
  ];
  if (complaints.length > 0) {
    throw new Error(["options do not fit their fields", ...complaints].join("\n"));
  }
  const found = withOptionsBelow(messages, (field) => fields.get(field)?.isMarked === true);
  return {
    has: (message) => message !== undefined && found.has(message),
    fieldOf(field) {
      const known = fields.get(field);
      if (known === undefined) {
        throw new Error(`${field.toString()} is no field of the schema`);
      }
      return known;
    },
  };
}

/** An extension is no member of a message, and so of no domain type. */
function misplaced(extension: DescExtension, { as, nanoseconds, key }: DomainOptions): readonly string[] {
  return [as, nanoseconds, key]
    .filter((option) => hasOption(extension, option))
    .map((option) => located(extension, option, `${option.name} is for fields of messages; this is an extension`));
}

/** Fields with a key of their own that another member of the message has. */
function doubleKeys(message: DescMessage, fields: ReadonlyMap<DescField, DomainField>): readonly DescField[] {
  const members = message.members.map((member) => ({
    member,
    key: member.kind === "oneof" ? member.localName : fields.get(member)?.key,
  }));
  return members.flatMap(({ member, key }) =>
    member.kind === "field" &&
    key !== member.localName &&
    members.some((other) => other.member !== member && other.key === key)
      ? [member]
      : [],
  );
}

/** The messages with a marked field, and all that hold one of them: by way of each other, too. */
function withOptionsBelow(
  messages: readonly DescMessage[],
  isMarked: (field: DescField) => boolean,
): ReadonlySet<DescMessage> {
  const found = new Set(messages.filter(({ fields }) => fields.some(isMarked)));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const message of messages) {
      if (message.fields.some((field) => field.message !== undefined && found.has(field.message))) {
        found.add(message);
      }
    }
  }
  return found;
}
