/**
 * What the chassis and handlers log through; Pino's loggers have this shape. Either a message alone, or fields and then a
 * message. Inside a call the request id is added by the logger itself.
 */
export interface Logger {
  debug: LogFunction;
  info: LogFunction;
  warn: LogFunction;
  error: LogFunction;
}

/** Writes one line at its level: a message alone, or fields and then a message. */
export interface LogFunction {
  (message: string): void;
  (fields: object, message?: string): void;
}
