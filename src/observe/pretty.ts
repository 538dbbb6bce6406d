import { stripVTControlCharacters, styleText } from "node:util";

// Our own few lines instead of pino-pretty: it writes texts as they are, and a caller's text may hold an escape sequence.

const LEVEL_STYLE = { DEBUG: "gray", INFO: "green", WARN: "yellow", ERROR: "red" } as const;

/** One JSON line of the log as a line for a terminal; fields that are left over follow as JSON, a stack on its own lines. */
export function prettyLine(line: string, colors: boolean): string {
  const { time, levelname, name, message, request_id, err, ...others } = JSON.parse(line) as Record<string, unknown>;
  // An access line's message is made of these two.
  const { first_request_line: _line, response_status: _status, ...rest } = others;
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    colors ? styleText(style, text, { validateStream: false }) : text;
  const level = printable(String(levelname));
  const style = Object.hasOwn(LEVEL_STYLE, level) ? LEVEL_STYLE[level as keyof typeof LEVEL_STYLE] : "red";
  const fields = Object.keys(rest).length === 0 ? "" : ` ${paint("gray", printable(JSON.stringify(rest)))}`;
  const id = request_id === undefined ? "" : paint("gray", ` [${printable(String(request_id))}]`);
  const head = `${paint("gray", printable(String(time).slice(11, 23)))} ${paint(style, level.padEnd(5))} ${printable(String(name))}`;
  return `${head}${id} ${printable(String(message ?? ""))}${fields}${stackOf(err)}\n`;
}

function stackOf(err: unknown): string {
  if (typeof err !== "object" || err === null) {
    return "";
  }
  const { stack, message, causes } = err as { readonly [field: string]: unknown };
  const lines = String(stack ?? message ?? JSON.stringify(err)).split("\n");
  const because = Array.isArray(causes) ? causes.map((cause) => `because of ${cause}`) : [];
  return [...lines, ...because].map((text) => `\n    ${printable(text)}`).join("");
}

/** Text without anything that a terminal obeys: what is left of control characters shows as an escape. */
function printable(text: string): string {
  return stripVTControlCharacters(text).replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    unicodeEscape,
  );
}

/** A character as JSON escapes it. */
export function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
