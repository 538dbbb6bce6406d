import type { LogLine, TestApp } from "portico/testing";
import { until } from "./until.ts";

/** The access lines that a service has written so far. */
export function accessLines(app: TestApp): readonly LogLine[] {
  return app.logs.filter(({ name }) => name.endsWith(".access"));
}

/** Waits for the first access line whose fields all match. */
export function accessLine(app: TestApp, fields: Readonly<Record<string, unknown>>): Promise<LogLine> {
  return until(() =>
    accessLines(app).find((line) =>
      Object.entries(fields).every(([name, value]) =>
        value instanceof RegExp ? value.test(String(line[name])) : line[name] === value,
      ),
    ),
  );
}
