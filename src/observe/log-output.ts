import { type OutputMeans, systemMeans } from "./output-means.ts";

/** Takes the log's lines: each `write` brings whole ones. */
export interface LogDestination {
  write(lines: string): void;
  /** Writes at once what is held back, as far as the reader takes it. */
  flush?(): void;
}

/** A {@link LogDestination} that writes in batches. */
export interface LogOutput extends LogDestination {
  flush(): void;
  /** Writes all that is held back, and from then on every line at once: for the end of the process. */
  end(): void;
}

/** How long a line is held back for others to join it, and how long until a reader that took nothing is asked again. */
const HOLD_MS = 2;
/** Characters that are a batch: a pipe takes this much at once, and a file's write costs per byte what it ever will. */
const BATCH_LENGTH = 64 * 1024;
/** Characters that wait for a slow reader before the process waits with them. */
const MAX_HELD_LENGTH = 1024 * 1024;
/** How long, at the end, a reader that takes nothing is waited for. */
const PATIENCE_MS = 2000;

const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Writes lines to a file descriptor in batches, in their order, by synchronous writes: one is under way never, so none is
 * lost or overtaken when the process ends. A pipe whose reader is slow delays nothing until 1 MiB waits for it; from then
 * on the process waits. Once the reader has gone (EPIPE), lines are dropped.
 *
 * Not sonic-boom: what its `sync` mode does for a line (4 us with batches of 64 KiB) costs more than the line, and it
 * blocks for 100 ms whenever a pipe is full; its other mode may overtake a write under way when it flushes at the end.
 *
 * @param isHeld false has every line written at once, as a terminal wants it
 */
export function createLogOutput(fd: number, isHeld: boolean, means: OutputMeans = systemMeans(fd)): LogOutput {
  const { writeBytes, block, complain, clock } = means;
  const scratch = Buffer.allocUnsafeSlow(4 * BATCH_LENGTH); // a character has three bytes at most; used again and again
  let held = "";
  /** Bytes of what was held earlier; lines that come now stay behind them. */
  let rest = NOTHING;
  let isWaiting = false;
  let isEnding = false;
  let isGone = false;
  let isFailing = false;

  function nextBatch(): Uint8Array {
    const lines = held;
    held = "";
    return 3 * lines.length <= scratch.length ? scratch.subarray(0, scratch.write(lines)) : Buffer.from(lines);
  }

  /** Writes what there is; false when the reader does not take all of it now. */
  function tryWrite(): boolean {
    while (rest.length > 0 || held !== "") {
      if (rest.length === 0) {
        rest = nextBatch();
      }
      try {
        rest = rest.subarray(writeBytes(rest));
        isFailing = false;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException; // what fs throws
        if (code === "EAGAIN" || code === "EBUSY") {
          return false;
        }
        rest = NOTHING;
        held = "";
        isGone = code === "EPIPE"; // nobody reads; whoever closed the log knows
        if (!isGone && !isFailing) {
          isFailing = true;
          complain(`the log cannot be written, and lines are lost: ${error}`);
        }
      }
    }
    return true;
  }

  function later(): void {
    if (!isWaiting) {
      isWaiting = true;
      clock.schedule(HOLD_MS, () => {
        isWaiting = false;
        flush();
      });
    }
  }

  function flush(): void {
    while (!tryWrite()) {
      if (rest.length + held.length <= MAX_HELD_LENGTH) {
        later();
        return;
      }
      block(HOLD_MS);
    }
  }

  function writeAll(): void {
    let waitedMs = 0;
    let waiting = rest.length + held.length;
    while (!tryWrite()) {
      const left = rest.length + held.length;
      waitedMs = left < waiting ? 0 : waitedMs + HOLD_MS;
      waiting = left;
      if (waitedMs >= PATIENCE_MS) {
        complain(`nobody reads the log: its last ${left} bytes are lost`);
        isGone = true;
        return;
      }
      block(HOLD_MS);
    }
  }

  return {
    write(lines) {
      if (isGone) {
        return;
      }
      held += lines;
      if (isEnding) {
        writeAll();
      } else if (!isHeld || held.length >= (rest.length === 0 ? BATCH_LENGTH : MAX_HELD_LENGTH)) {
        flush();
      } else {
        later();
      }
    },
    flush,
    end() {
      isEnding = true;
      writeAll();
    },
  };
}
