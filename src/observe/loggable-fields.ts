import { isMessage, type Registry } from "@bufbuild/protobuf";
import { loggableMessage } from "../call/redacted-fields.ts";
import { REDACTED } from "./secrets.ts";

/** What a logger knows of schemas. Of a message whose schema it does not know it writes the type's name only. */
export interface LogSchema {
  readonly registry: Registry;
  /** Lower-case names of fields that hide their value. */
  readonly secretNames: ReadonlySet<string>;
}

const MAX_DEPTH = 6;
const MAX_CAUSES = 10;

/** Log fields with secret ones hidden, messages as their schema's JSON, and errors with what they were caused by. */
export function loggableFields(value: unknown, schema: LogSchema, depth = 0): unknown {
  if (typeof value === "bigint") {
    return value.toString();
  }
  if (typeof value !== "object" || value === null || value instanceof Date) {
    return value;
  }
  if (isMessage(value)) {
    return loggableMessage(value, schema.registry);
  }
  if (value instanceof Error) {
    return loggableError(value);
  }
  if (ArrayBuffer.isView(value)) {
    return `${value.byteLength} bytes`;
  }
  if (value instanceof Headers || value instanceof Map) {
    return loggableFields(Object.fromEntries(value), schema, depth);
  }
  if (depth === MAX_DEPTH) {
    return "…";
  }
  if ("toJSON" in value && typeof value.toJSON === "function") {
    return loggableFields(value.toJSON(), schema, depth + 1);
  }
  if (Array.isArray(value) || value instanceof Set) {
    return [...value].map((item) => loggableFields(item, schema, depth + 1));
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      schema.secretNames.has(key.toLowerCase()) ? REDACTED : loggableFields(item, schema, depth + 1),
    ]),
  );
}

function loggableError(error: Error): object {
  const causes = [...causesOf(error)].slice(1).map(({ name, message }) => `${name}: ${message}`);
  const code = "code" in error ? { code: error.code } : {};
  return {
    type: error.name,
    message: error.message,
    ...code,
    stack: error.stack,
    ...(causes.length === 0 ? {} : { causes }),
  };
}

/** An error, what caused it, and what it sums up; the first {@link MAX_CAUSES}. */
function causesOf(error: Error): Iterable<Error> {
  const found = new Set([error]);
  for (const one of found) {
    for (const cause of [one.cause, ...(one instanceof AggregateError ? one.errors : [])]) {
      if (cause instanceof Error && found.size <= MAX_CAUSES) {
        found.add(cause);
      }
    }
  }
  return found;
}
