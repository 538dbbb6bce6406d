/** What connectconformance has printed of a run. */
export interface Run {
  /** Cases with a verdict. */
  readonly total: number;
  readonly passed: number;
  readonly failures: readonly Failure[];
  /** Cases without a verdict, as what is under test ended or stopped answering. */
  readonly notRun: number;
}

export interface Failure {
  /** The suite's name of the case, with `/` between its parts; it can be given to the runner to run it alone. */
  readonly name: string;
  readonly message: string;
}

/** A case that did not pass, and below it, indented, why. */
const FAILED = /^FAILED: (?<name>.*?):?\n(?<message>(?:\t.*\n?)*)/gm;
const MAX_MESSAGES = 20;
const MAX_MESSAGE_LINES = 6;
const MAX_NAMES = 5;

/** Reads what the runner prints, of which only the sums have a form that is promised to nobody. */
export function readRun(output: string): Run {
  const number = (pattern: RegExp) => Number(pattern.exec(output)?.[1] ?? 0);
  return {
    total: number(/^Total cases: (\d+)$/m),
    passed: number(/^(\d+) passed, \d+ failed$/m),
    failures: [...output.matchAll(FAILED)].map(({ groups: { name = "", message = "" } = {} }) => ({
      name,
      message: message.replace(/^\t/gm, "").trim(),
    })),
    notRun: number(/^Another (\d+) could not be run/m),
  };
}

/** The sum, and what failed by its message: a fault of one kind fails hundreds of cases. */
export function describeRun({ passed, failures, notRun }: Run, expected: number): string {
  const sum = `  ${passed} of ${expected} cases passed, ${failures.length} failed, ${notRun} not run`;
  const byMessage = [...Map.groupBy(failures, ({ message }) => message)];
  return listed([sum], byMessage, MAX_MESSAGES, describeMessage).join("\n");
}

function describeMessage([message, failures]: [string, readonly Failure[]]): string {
  const lines = message.split("\n").slice(0, MAX_MESSAGE_LINES).join("\n    ");
  const byCase = [...Map.groupBy(failures, ({ name }) => withoutAxes(name)).values()];
  return listed([`failed, ${failures.length}: ${lines}`], byCase, MAX_NAMES, ([first, ...others]) => {
    return `  ${first?.name}${others.length > 0 ? ` (and ${others.length} like it)` : ""}`;
  }).join("\n");
}

/** The first `max` of `items` below a heading, and how many are left. */
function listed<T>(heading: string[], items: readonly T[], max: number, describe: (item: T) => string): string[] {
  const left = items.length - max;
  return [...heading, ...items.slice(0, max).map(describe), ...(left > 0 ? [`  and ${left} more`] : [])];
}

/** A name's parts such as `TLS:true` are the axes along which the suite multiplies a case. */
function withoutAxes(name: string): string {
  const parts = name.split("/").filter((part) => !/^\w+:\w+$/.test(part));
  return parts.join("/");
}
