import { fieldBytes } from "./header-field.ts";

const MAX_NAMES = 32;
const VALUES_PER_NAME = 8;
/** Larger fields would push too many others out of the usual table of 4096 bytes, and be kept here for too long. */
const MAX_FIELD_BYTES = 512;
/** A name whose values come up again in less than one case of five ends as volatile. */
const WORTH_OF_REPETITION = 4;
const VOLATILE_FROM = 32;

/** The latest values of a name that are not in the table. */
interface Candidate {
  /** A ring, which grows to its full length first. */
  readonly values: string[];
  next: number;
  /** First sights less repetitions, weighted; from VOLATILE_FROM on the name is given up. */
  novelty: number;
}

/**
 * What an encoder has sent as literals, to tell what is worth a place in the table: a field that is sent a second time. What
 * changes with every message (request ids, dates, timeouts) never comes up again; a name that shows this for long is no
 * longer looked at. Holds at most 32 names of 8 values each. RFC 7541 leaves the choice to the encoder (2.3.2 and 6.2).
 */
export class HpackCandidates {
  readonly #names = new Map<string, Candidate>();

  /** Takes note of a field; says whether it was sent before, and then forgets it, as it is to be inserted. */
  isRepeated(name: string, value: string): boolean {
    if (fieldBytes(name, value) > MAX_FIELD_BYTES) {
      return false;
    }
    const candidate = this.#names.get(name);
    if (candidate === undefined) {
      this.#add(name, value);
      return false;
    }
    if (candidate.novelty >= VOLATILE_FROM) {
      return false;
    }
    const known = candidate.values.indexOf(value);
    if (known === -1) {
      candidate.values[candidate.next] = value;
      candidate.next = (candidate.next + 1) % VALUES_PER_NAME;
      candidate.novelty++;
      if (candidate.novelty >= VOLATILE_FROM) {
        candidate.values.length = 0;
      }
      return false;
    }
    candidate.values.splice(known, 1);
    candidate.next = candidate.values.length;
    candidate.novelty = Math.max(0, candidate.novelty - WORTH_OF_REPETITION);
    if (candidate.values.length === 0 && candidate.novelty === 0) {
      this.#names.delete(name);
    }
    return true;
  }

  /** Notes a name; the one that was noted first makes way. */
  #add(name: string, value: string): void {
    if (this.#names.size >= MAX_NAMES) {
      for (const oldest of this.#names.keys()) {
        this.#names.delete(oldest);
        break;
      }
    }
    this.#names.set(name, { values: [value], next: 1, novelty: 0 });
  }
}
