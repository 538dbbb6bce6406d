import { type DescMessage, isMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";

/** The field by which everything that a request leads to is found again; the port says it back. */
export const CASE_HEADER = "x-request-id";

/** What somebody in a server saw, by names; whatever can be compared. */
export type Facts = Readonly<Record<string, unknown>>;

/** Remembers what the handlers and interceptors of one server saw. */
export interface Witness {
  /** @param header the request's, which says of which case it is; nothing is remembered of a request without one */
  saw(header: Headers, where: string, facts: Facts): void;
  /** What was seen of a case, in order; forgets it. */
  take(caseId: string): readonly Facts[];
}

export function createWitness(): Witness {
  const seen = new Map<string, Facts[]>();
  return {
    saw(header, where, facts) {
      const caseId = header.get(CASE_HEADER);
      if (caseId !== null) {
        const all = seen.get(caseId) ?? [];
        all.push({ where, ...facts });
        seen.set(caseId, all);
      }
    },
    take(caseId) {
      const all = seen.get(caseId) ?? [];
      seen.delete(caseId);
      return all;
    },
  };
}

/** A message in every respect that code can look at. */
export function factsOf(schema: DescMessage, message: Message): Facts {
  return isMessage(message, schema)
    ? { keys: ownKeys(message), bytes: Buffer.from(toBinary(schema, message)).toString("hex") }
    : { isMessage: false, keys: ownKeys(message) };
}

/** The names that spreading an object copies. */
export function ownKeys(of: object): readonly string[] {
  return Object.keys({ ...of }).sort();
}

/** What was thrown, as far as it can be compared. */
export function factsOfThrown(thrown: unknown): Facts {
  if (!(thrown instanceof ConnectError)) {
    return { thrown: thrown instanceof Error ? thrown.name : String(thrown) };
  }
  const { code, rawMessage, metadata, details } = thrown;
  return { code, rawMessage, metadata: [...metadata], details: details.length };
}
