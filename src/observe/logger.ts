import { createRegistry, type DescFile } from "@bufbuild/protobuf";
import { pino, stdTimeFunctions } from "pino";
import type { ActiveCall } from "../call/call.ts";
import { callInProgress } from "../call/current.ts";
import type { LogFunction, Logger } from "../call/logger.ts";
import { redactedFieldNames } from "../call/redacted-fields.ts";
import { withImports } from "../call/schema-files.ts";
import { escapeControls, lineStart, quoted } from "./json-line.ts";
import type { LogDestination } from "./log-output.ts";
import { type LogSchema, loggableFields } from "./loggable-fields.ts";
import { prettyLine } from "./pretty.ts";
import { redactLine, secretFieldNames } from "./secrets.ts";

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
  readonly destination: LogDestination;
}

/** A logger under a name, for whoever has its lines as JSON already. */
export interface NamedLogger extends Logger {
  /** Takes the rest of lines at `info`; undefined where the level leaves these out. */
  readonly infoJson: JsonLog | undefined;
}

/**
 * Writes a line whose level, time and name the logger adds. `rest` are its other fields, each with a comma before it, and
 * its end: JSON whose texts are {@link quoted}. Of secrets it hides those of `call`, wherever it is called.
 */
export type JsonLog = (rest: string, call: ActiveCall | undefined) => void;

export interface ServiceLogger extends Logger {
  /** A logger of the same lines under another name. */
  named(name: string): NamedLogger;
  /** Tells the logger the schemas of the messages that it may write, and with them which fields are `debug_redact`. */
  learn(files: readonly DescFile[]): void;
  /** Lower-case names of fields that hide their value. */
  secretNames(): ReadonlySet<string>;
  /** Has what was logged written now: lines may wait for others, except for those at `error`. */
  flush(): void;
}

/**
 * A logger of JSON lines: `time` (ISO 8601), `levelname`, `name`, `message`, and inside a call `request_id` by itself.
 * Texts are data: they never make a line or an escape sequence, and hold no secret of the call. Lines with fields are
 * Pino's; a message alone is the same line with less work.
 */
export function createLogger(options: LoggerOptions): ServiceLogger {
  const { format, colors, destination } = options;
  let schema: LogSchema = { registry: createRegistry(), secretNames: secretFieldNames([]) };
  const finished = (line: string, call: ActiveCall | undefined) => {
    const safe = call === undefined ? line : withoutSecrets(line, call);
    return format === "pretty" ? prettyLine(safe, colors) : safe;
  };
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
      serializers: { err: (error: unknown) => error }, // loggableFields' work; Pino's own would take its type away
      hooks: { streamWrite: (line) => finished(escapeControls(line), callInProgress()) },
    },
    destination,
  );

  function named(name: string): NamedLogger {
    const child = root.child({ name });
    const jsonLog = (level: Level): JsonLog => {
      const start = lineStart(level, name);
      return (rest, call) => destination.write(finished(start() + rest, call));
    };
    const at = (level: Level, flush?: () => void): LogFunction => {
      if (!root.isLevelEnabled(level)) {
        return () => undefined;
      }
      const writeJson = jsonLog(level);
      const write = child[level].bind(child) as (...parts: readonly unknown[]) => void; // one of its forms, as it came
      return (...parts: readonly unknown[]) => {
        const [message] = parts;
        // A schema may say that a request's id is to be hidden, as any field.
        if (typeof message === "string" && parts.length === 1 && !schema.secretNames.has("request_id")) {
          const call = callInProgress();
          const id = call === undefined ? "" : `,"request_id":${quoted(call.requestId)}`;
          writeJson(`${id},"message":${quoted(message)}}\n`, call);
        } else {
          write(...parts);
        }
        flush?.();
      };
    };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error", () => destination.flush?.()), // what comes next may be the end of the process
      infoJson: root.isLevelEnabled("info") ? jsonLog("info") : undefined,
    };
  }

  return {
    ...named(options.name),
    named,
    learn(files) {
      const all = withImports(files);
      schema = { registry: createRegistry(...all), secretNames: secretFieldNames(redactedFieldNames(all)) };
    },
    secretNames: () => schema.secretNames,
    flush: () => destination.flush?.(),
  };
}

type Level = Exclude<LogLevel, "silent">;

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

function withoutSecrets(line: string, call: ActiveCall): string {
  const { secrets } = call;
  const safe = secrets?.length === 0 ? line : redactLine(line, secrets);
  return safe === line ? line : escapeControls(safe); // what is put together again has them as they are
}
