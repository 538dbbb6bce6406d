import { bsonTypeOf } from "./field-type.ts";

/** The longest path, in characters. */
const MAX_PATH = 200;

/** A value that is not what the schema says of its field: nothing of it was truncated, rounded or guessed. */
export class DomainValueError extends TypeError {
  override readonly name = "DomainValueError";
  /** The way to the field, by the names of the schema: `entries[3].id`. */
  readonly path: string;
  /** What is wrong, without the value itself: `must be 12 bytes, an ObjectId; it has 11`. */
  readonly problem: string;

  constructor(path: string, problem: string) {
    super(path === "" ? problem : `${path} ${problem}`);
    this.path = path;
    this.problem = problem;
  }
}

/** The same error, seen from outside the field, element or entry `prefix`. */
export function within(error: unknown, prefix: string): unknown {
  if (!(error instanceof DomainValueError)) {
    return error;
  }
  const separator = error.path === "" || error.path.startsWith("[") ? "" : ".";
  return new DomainValueError(shortened(`${prefix}${separator}${error.path}`), error.problem);
}

/** A path of which the middle is left out where it is long: it stands in headers, and its map keys are what somebody sent. */
function shortened(path: string): string {
  return path.length <= MAX_PATH
    ? path
    : `${path.slice(0, MAX_PATH / 2)}…${path.slice(1 - MAX_PATH / 2)}`.toWellFormed(); // a cut may go through a character
}

/** What a value is, for an error: nothing of what it holds, which may be a secret. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) {
    return String(value);
  }
  if (typeof value !== "object") {
    return `a ${typeof value}`;
  }
  const bsonType = bsonTypeOf(value);
  if (typeof bsonType === "string") {
    return bsonType === "Binary" && "sub_type" in value
      ? `a Binary of subtype ${value.sub_type}`
      : `a BSON ${bsonType}`;
  }
  // Of its prototype: an object may hold anything under the name of `constructor`.
  const { constructor: made } = Object.getPrototypeOf(value) ?? { constructor: undefined };
  return Array.isArray(value) ? "an array" : `an object of ${made?.name ?? "no class"}`;
}
