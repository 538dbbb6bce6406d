import type { Lines } from "../http2/index.ts";

type Line = readonly [name: string, value: string];

const NONE: Lines = [];

/** Header fields that an answer has whoever writes it, by lower-case name. */
export class AnswerFields {
  #lines: Line[] | undefined;

  get lines(): Lines {
    return this.#lines ?? NONE;
  }

  set(name: string, value: string): void {
    this.#lines ??= [];
    this.#remove(name);
    this.#lines.push([name, value]);
  }

  /** Adds a token to the `vary` field. */
  vary(name: string): void {
    if (name.trim() === "") {
      return;
    }
    const present = this.#lines?.find(([field]) => field === "vary")?.[1];
    this.set("vary", present === undefined ? name : `${present}, ${name}`);
  }

  /** The lines of a head with these behind them: whoever writes the answer knows best, but for `vary`, which has both. */
  mergedWith(head: Lines): Lines {
    if (this.#lines === undefined) {
      return head;
    }
    const kept: Line[] = [];
    for (const line of head) {
      if (line[0] === "vary") {
        this.vary(line[1]);
      } else {
        this.#remove(line[0]);
        kept.push(line);
      }
    }
    for (const line of this.#lines) {
      kept.push(line);
    }
    return kept;
  }

  #remove(name: string): void {
    const lines = this.#lines;
    for (let at = 0; lines !== undefined && at < lines.length; at++) {
      if (lines[at]?.[0] === name) {
        lines.splice(at, 1);
        return;
      }
    }
  }
}
