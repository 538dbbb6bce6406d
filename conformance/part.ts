/** A suite that judges the server or the client from outside, as `npm run conformance` runs it. */
export interface Part {
  /** What the command line calls it. */
  readonly id: string;
  readonly name: string;
  /** Never throws for what it finds: only where it cannot go on for a reason that nobody foresaw. */
  run(options: PartOptions): Promise<PartResult>;
}

export interface PartOptions {
  /** The repository's folder. */
  readonly root: string;
  /** The engine below the port, as `HTTP2_ENGINE` has it. */
  readonly engine: string;
  /** Run also what a standard only recommends. */
  readonly isStrict: boolean;
  /** The suite's own names of what to run; none means all of it. */
  readonly only: readonly string[];
}

export interface PartResult {
  /** `missing`: something that the suite needs is not on this machine. */
  readonly outcome: "passed" | "failed" | "missing";
  /** What to tell, ready to print. */
  readonly report: string;
}
