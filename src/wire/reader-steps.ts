/**
 * The steps of whoever reads a stream, which may be asked for before those before them are taken: one after the other, in
 * the order in which they were asked for.
 */
export class ReaderSteps<T> {
  /** The step that was asked for last, while it is not over. */
  #last: Promise<T> | undefined;

  /** Takes a step behind those that are under way; at once, where none is. What it throws, the promise is rejected with. */
  after(step: () => T | Promise<T>): Promise<T> {
    if (this.#last !== undefined) {
      return this.#underWay(this.#last.then(step, step));
    }
    try {
      const taken = step();
      return taken instanceof Promise ? this.#underWay(taken) : Promise.resolve(taken);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #underWay(step: Promise<T>): Promise<T> {
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
