/** One kind of fuzzing, which goes on for as long as it is told. */
export interface FuzzTarget {
  readonly name: string;
  /** @param seed what all that is tried follows from */
  run(seed: number, boxMs: number): Promise<FuzzOutcome>;
}

export interface FuzzOutcome {
  readonly runs: number;
  /** The smallest case that was found to fail, and how; undefined where none was. */
  readonly failure: string | undefined;
}
