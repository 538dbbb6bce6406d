import { createRegistry, type DescFile, isMessage, type Registry } from "@bufbuild/protobuf";
import { type DestinationStream, pino, stdTimeFunctions } from "pino";
import { callInProgress } from "../call/current.ts";
import type { Logger } from "../call/logger.ts";
import { loggableMessage, redactedFieldNames } from "../call/redacted-fields.ts";
import { prettyLine } from "./pretty.ts";
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
      formatters: {
        level: (label) => ({ levelname: label.toUpperCase() }),
        log: (fields) => loggableFields(fields, schema) as Record<string, unknown>,
      },
      hooks: { streamWrite: (line) => finishLine(line, options) },
    },
    options.destination,
  );
  return Object.assign(root.child({ name: options.name }), {
    named: (name: string) => root.child({ name }),
    learn(files: readonly DescFile[]) {
      schema.registry = createRegistry(...files);
      schema.secretNames = secretFieldNames(redactedFieldNames(files));
    },
    secretNames: () => schema.secretNames,
  });
}

function finishLine(line: string, { format, colors }: LoggerOptions): string {
  const secrets = callInProgress()?.secrets ?? [];
  const safe = secrets.length === 0 ? line : redactLine(line, secrets);
  // JSON leaves the upper control characters as they are, and some terminals obey them.
  const plain = safe.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return format === "pretty" ? prettyLine(plain, colors) : plain;
}

const MAX_DEPTH = 6;

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
  if (value instanceof Headers) {
    return loggableFields(Object.fromEntries(value), schema, depth);
  }
  if (depth === MAX_DEPTH) {
    return "…";
  }
  if (Array.isArray(value)) {
    return value.map((item) => loggableFields(item, schema, depth + 1));
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      schema.secretNames.has(key.toLowerCase()) ? REDACTED : loggableFields(item, schema, depth + 1),
    ]),
  );
}

function loggableError(error: Error): object {
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error && causes.length < MAX_DEPTH; cause = cause.cause) {
    causes.push(`${cause.name}: ${cause.message}`);
  }
  const code = "code" in error ? { code: error.code } : {};
  return {
    type: error.name,
    message: error.message,
    ...code,
    stack: error.stack,
    ...(causes.length === 0 ? {} : { causes }),
  };
}
