import { createRegistry, type DescFile, isMessage, type Registry } from "@bufbuild/protobuf";
import { type DestinationStream, pino, stdTimeFunctions } from "pino";
import { callInProgress } from "../call/current.ts";
import type { Logger } from "../call/logger.ts";
import { loggableMessage, redactedFieldNames } from "../call/redacted-fields.ts";
import { withImports } from "../call/schema-files.ts";
import { prettyLine, unicodeEscape } from "./pretty.ts";
import { REDACTED, redactLine, secretFieldNames } from "./secrets.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ["json", "pretty"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LoggerOptions {
  /** The service's name, in every line. */
  readonly name: string;
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Whether `pretty` may colour its lines. */
  readonly colors: boolean;
  /** Takes whole lines. */
  readonly destination: DestinationStream;
}

export interface ServiceLogger extends Logger {
  /** A logger of the same lines under another name. */
  named(name: string): Logger;
  /** Tells the logger the schemas of the messages that it may write, and with them which fields are `debug_redact`. */
  learn(files: readonly DescFile[]): void;
  /** Lower-case names of fields that hide their value. */
  secretNames(): ReadonlySet<string>;
}

/** What the logger knows of schemas. Of a message whose schema it does not know it writes the type's name only. */
interface Schema {
  registry: Registry;
  secretNames: ReadonlySet<string>;
}

/**
 * A logger of JSON lines by Pino: `time` (ISO 8601), `levelname`, `name`, `message`, and inside a call `request_id` by
 * itself. Texts are data: they never make a line or an escape sequence, and hold no secret of the call.
 */
export function createLogger(options: LoggerOptions): ServiceLogger {
  const schema: Schema = { registry: createRegistry(), secretNames: secretFieldNames([]) };
  const root = pino(
    {
      level: options.level,
      base: null,
      messageKey: "message",
      timestamp: stdTimeFunctions.isoTime,
      mixin: () => {
        const call = callInProgress();
        return call === undefined ? {} : { request_id: call.requestId };
      },
      mixinMergeStrategy: (fields, own) => ({ ...withoutOurs(fields), ...own }),
      formatters: {
        level: (label) => ({ levelname: label.toUpperCase() }),
        log: (fields) => loggableFields(fields, schema) as Record<string, unknown>,
      },
      serializers: { err: (error: unknown) => error }, // loggableError's work; Pino's own would take its type away
      hooks: { streamWrite: (line) => finishLine(line, options) },
    },
    options.destination,
  );
  return Object.assign(root.child({ name: options.name }), {
    named: (name: string) => root.child({ name }),
    learn(files: readonly DescFile[]) {
      const all = withImports(files);
      schema.registry = createRegistry(...all);
      schema.secretNames = secretFieldNames(redactedFieldNames(all));
    },
    secretNames: () => schema.secretNames,
  });
}

const OUR_FIELDS = ["time", "levelname", "name"] as const;

/** Fields of ours that a line has from somebody else get a `_`: a name that a handler logs is not the logger's. */
function withoutOurs(fields: object): object {
  if (!OUR_FIELDS.some((name) => Object.hasOwn(fields, name))) {
    return fields;
  }
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [OUR_FIELDS.some((name) => name === key) ? `${key}_` : key, value]),
  );
}

function finishLine(line: string, { format, colors }: LoggerOptions): string {
  const call = callInProgress();
  const secrets = call === undefined ? [] : call.secrets;
  const safe = secrets?.length === 0 ? line : redactLine(line, secrets);
  // JSON leaves the upper control characters as they are, and some terminals obey them.
  const plain = safe.replace(/[\u007f-\u009f\u2028\u2029]/g, unicodeEscape);
  return format === "pretty" ? prettyLine(plain, colors) : plain;
}

const MAX_DEPTH = 6;
const MAX_CAUSES = 10;

/** Log fields with secret ones hidden, messages as their schema's JSON, and errors with what they were caused by. */
function loggableFields(value: unknown, schema: Schema, depth = 0): unknown {
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
