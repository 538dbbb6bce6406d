import { unicodeEscape } from "./pretty.ts";

// The parts of a line of JSON, as Pino and what finishes its lines make them, without looking twice at what is plain.

const PLAIN = /^[ !#-[\]-~]*$/;

/** A text as JSON, without any character that a terminal obeys. */
export function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : escapeControls(JSON.stringify(text));
}

/** JSON leaves the upper control characters as they are, and some terminals obey them. */
export function escapeControls(json: string): string {
  return json.replace(/[\u007f-\u009f\u2028\u2029]/g, unicodeEscape);
}

/** Gives the start of a line: its level, time and name. Builds it once a millisecond at most. */
export function lineStart(level: string, name: string): () => string {
  const before = `{"levelname":${quoted(level.toUpperCase())},"time":"`;
  const after = `","name":${quoted(name)}`;
  let builtAt: number | undefined;
  let start = "";
  return () => {
    const now = Date.now();
    if (now !== builtAt) {
      builtAt = now;
      start = before + new Date(now).toISOString() + after;
    }
    return start;
  };
}
