/** The steps of whoever reads a stream, which may be asked for before those before them are taken: one after the other. */
export class ReaderSteps<T> {
  #last: Promise<T> | undefined;

  /** Takes a step behind those that are under way; at once, where none is. */
  after(step: () => Promise<T>): Promise<T> {
    return this.#last === undefined ? step() : this.underWay(this.#last.then(step, step));
  }

  /** Has those that come wait for `step`. */
  underWay(step: Promise<T>): Promise<T> {
    this.#last = step;
    const settle = () => {
      if (this.#last === step) {
        this.#last = undefined;
      }
    };
    step.then(settle, settle);
    return step;
  }
}
