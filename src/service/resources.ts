/** What a service opened, to be closed in reverse order. Node 22 has no AsyncDisposableStack. */
export interface ResourceStack {
  use<T extends Disposable | AsyncDisposable>(resource: T): T;
  /** Closes everything, whatever fails on the way; then throws what failed. */
  close(): Promise<void>;
}

export function createResourceStack(): ResourceStack {
  const opened: (Disposable | AsyncDisposable)[] = [];
  return {
    use(resource) {
      opened.push(resource);
      return resource;
    },
    async close() {
      const failures: unknown[] = [];
      for (let resource = opened.pop(); resource !== undefined; resource = opened.pop()) {
        try {
          if (Symbol.asyncDispose in resource) {
            await resource[Symbol.asyncDispose]();
          } else {
            resource[Symbol.dispose]();
          }
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) {
        throw failures.length === 1 ? failures[0] : new AggregateError(failures, "several resources failed to close");
      }
    },
  };
}
