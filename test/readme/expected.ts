/**
 * Output as documentation shows it: `…` stands for any text within a line, and a line of its own for any lines. White
 * space at either end counts for nothing.
 */
export function isAsShown(output: string, shown: string): boolean {
  const lines = shown.trim().split("\n");
  const pattern = lines.map((line) => (line.trim() === "…" ? "(?:[^\\n]*\\n)*?" : `${linePattern(line)}\\n`));
  const normal = output.replaceAll("\r\n", "\n").trim();
  return new RegExp(`^${pattern.join("")}$`).test(`${normal}\n`);
}

/** Whether a line of `output` is as shown. */
export function hasLine(output: string, shown: string): boolean {
  return new RegExp(`^${linePattern(shown)}$`, "m").test(output);
}

/** Whether a line of `output` is JSON with the fields of the line that is shown, in any order. */
export function hasFields(output: string, shown: string): boolean {
  const fields = shown.replace(/^\{|\}$/g, "").split(/,(?=")/);
  return output.split("\n").some((line) => {
    const actual = line.replace(/^\{|\}$/g, "").split(/,(?=")/);
    return line.startsWith("{") && fields.every((field) => actual.some((each) => hasLine(each, field)));
  });
}

function linePattern(shown: string): string {
  return shown
    .split("…")
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"))
    .join("[^\\n]*");
}
