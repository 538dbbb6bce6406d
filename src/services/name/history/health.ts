import type { OnHealth } from "./store.ts";

/** What is wrong with a store, from several points of view. */
export interface Health<View extends string> {
  /** Sets what is wrong from one point of view; undefined where nothing is. */
  set(view: View, problem: string | undefined): void;
  /** Nobody is told anything more. */
  end(): void;
}

/** Tells the first problem there is, whenever that becomes another one. It begins with none. */
export function createHealth<View extends string>(views: readonly View[], onHealth: OnHealth): Health<View> {
  const problems = new Map<View, string>();
  let told: string | undefined;
  let isOver = false;
  return {
    set(view, problem) {
      if (problem === undefined) {
        problems.delete(view);
      } else {
        problems.set(view, problem);
      }
      const first = views.map((each) => problems.get(each)).find((each) => each !== undefined);
      if (first !== told && !isOver) {
        told = first;
        onHealth(first);
      }
    },
    end() {
      isOver = true;
    },
  };
}
