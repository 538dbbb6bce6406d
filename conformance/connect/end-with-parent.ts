/** How often to look for the parent. */
const LOOK_MS = 500;

/**
 * Ends this process once the one that started it is gone. The suite's runner closes a server's standard input as soon as
 * it has asked, so that no pipe tells; where it is killed it takes nobody along.
 */
export function endWithParent(): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && process.exit(1), LOOK_MS).unref();
}
