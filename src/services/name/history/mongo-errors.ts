import { EntriesRefusedError, StoreUnavailableError } from "./store.ts";

/** A document's `_id` is there already. */
const DUPLICATE_KEY = 11000;
/**
 * Codes by which MongoDB refuses a document for what it is: BadValue, FailedToParse, TypeMismatch, Overflow, InvalidBSON, those
 * of bad field names, DocumentValidationFailure, BSONObjectTooLarge, and keys too large for an index. What is not here is
 * tried again.
 */
const REFUSALS = [2, 9, 14, 15, 22, 52, 53, 54, 55, 56, 57, 121, 10334, 17280, 17419];
/** What the driver, and its BSON, throw at documents before they are sent. */
const REFUSALS_BEFORE_SENDING = /^(?:BSON.*Error|MongoInvalidArgumentError|RangeError)$/;

/** Takes what is secret out of a text. */
type Redact = (text: string) => string;

/** What an insert that failed means; undefined where all entries are there. */
export function insertFailure(error: unknown, redact: Redact): StoreUnavailableError | EntriesRefusedError | undefined {
  const { name, code, writeErrors, hasWriteConcernError } = readError(error);
  const others = writeErrors.filter((each) => each !== DUPLICATE_KEY);
  if (writeErrors.length > 0 && others.length === 0 && !hasWriteConcernError) {
    return undefined;
  }
  const isRefusal =
    others.length > 0
      ? others.every((each) => REFUSALS.includes(each))
      : REFUSALS.includes(code) || REFUSALS_BEFORE_SENDING.test(name);
  return isRefusal ? new EntriesRefusedError(textOf(error, redact)) : unavailable(error, redact);
}

/** What is said of an error. It is not its cause: who logs causes would log all that the driver puts into its errors. */
export function unavailable(error: unknown, redact: Redact): StoreUnavailableError {
  return new StoreUnavailableError(textOf(error, redact));
}

export function textOf(error: unknown, redact: Redact): string {
  return redact(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}

interface DriverError {
  readonly name: string;
  readonly code: number;
  /** The codes of what went wrong with single documents. */
  readonly writeErrors: readonly number[];
  /** Not as many servers have the documents as have to. */
  readonly hasWriteConcernError: boolean;
}

/** By the shape of the driver's errors: its classes are there only where it is loaded. */
function readError(error: unknown): DriverError {
  // Fields of MongoServerError and MongoBulkWriteError, which have these types; other errors have none of them.
  const { name, code, writeErrors, result } = Object(error) as {
    readonly name?: string;
    readonly code?: number | string;
    readonly writeErrors?: { readonly code: number } | readonly { readonly code: number }[];
    readonly result?: { getWriteConcernError?(): unknown };
  };
  return {
    name: name ?? "",
    code: Number(code),
    writeErrors: [writeErrors ?? []].flat().map((each) => each.code),
    hasWriteConcernError: result?.getWriteConcernError?.() !== undefined,
  };
}
