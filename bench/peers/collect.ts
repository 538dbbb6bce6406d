/** Collects what nobody needs, for programs that run with `--expose-gc`: what finalizers let go is free only after the next. */
export async function collect(): Promise<void> {
  for (let round = 0; round < 4; round++) {
    await globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
