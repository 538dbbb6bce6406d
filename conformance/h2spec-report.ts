/** How h2spec judged one of its cases. */
export interface Case {
  /** h2spec's name of the section, such as `http2/6.9.1`: it can be given to h2spec to run it alone. */
  readonly section: string;
  readonly title: string;
  readonly outcome: "passed" | "skipped" | "failed";
  /** For a failure: what was required and what came. */
  readonly detail: string;
}

const SUITE = /<testsuite name="(?<name>[^"]*)" package="(?<section>[^"]*)"[^>]*>(?<cases>[\s\S]*?)<\/testsuite>/g;
const CASE = /<testcase package="[^"]*" classname="(?<title>[^"]*)"[^>]*>(?<verdict>[\s\S]*?)<\/testcase>/g;

/**
 * Reads h2spec's JUnit report. It is no XML parser: h2spec 2.2.1 writes an error's text without escaping it, which no
 * parser would take, and its form is always the same.
 */
export function readReport(report: string): readonly Case[] {
  return [...report.matchAll(SUITE)].flatMap(({ groups: suite = {} }) =>
    [...(suite["cases"] ?? "").matchAll(CASE)].map(({ groups: { title = "", verdict = "" } = {} }) => ({
      section: suite["section"] ?? "",
      title: unescaped(title),
      outcome: outcomeOf(verdict),
      detail: printable(verdict.replace(/<[^>]*>/g, "").trim()),
    })),
  );
}

function outcomeOf(verdict: string): Case["outcome"] {
  return verdict.includes("<skipped") ? "skipped" : /<(?:failure|error)/.test(verdict) ? "failed" : "passed";
}

function unescaped(text: string): string {
  return text
    .replace(/&#34;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&amp;/g, "&");
}

/** What a server has sent stands in it, byte for byte. */
function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, "\\x");
}

/** The verdicts by chapter (`http2/6`, `hpack`), what did not pass, and the sum, as lines to print. */
export function describeCases(cases: readonly Case[]): string {
  const chapters = Map.groupBy(cases, ({ section }) => /^http2\/\d+|^[^/]*/.exec(section)?.[0] ?? section);
  const rows = [...chapters].map(([chapter, own]) => row(chapter, own));
  const others = cases.filter(({ outcome }) => outcome !== "passed").map(describeCase);
  return [row("chapter"), ...rows, row("all", cases), ...(others.length > 0 ? ["", ...others] : [])].join("\n");
}

const OUTCOMES = ["passed", "failed", "skipped"] as const;

function row(chapter: string, cases?: readonly Case[]): string {
  const cells = OUTCOMES.map((name) =>
    cases === undefined ? name : String(cases.filter(({ outcome }) => outcome === name).length),
  );
  return `  ${chapter.padEnd(10)}${cells.map((cell) => cell.padStart(9)).join("")}`;
}

function describeCase({ section, title, outcome, detail }: Case): string {
  const lines = detail.split("\n").filter((line) => line !== "");
  // What would have been right, one possibility a line, and last what came.
  const explained = lines.map((line, at) => `\n    ${at === lines.length - 1 ? "got" : "expected"}: ${line}`);
  return `${outcome}: ${section}: ${title}${explained.join("")}`;
}
