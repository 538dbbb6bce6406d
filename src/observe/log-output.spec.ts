import fc from "fast-check";
import { expect, test } from "vitest";
import { createLogOutput } from "./log-output.ts";
import { atomicLength } from "./output-means.ts";

const MIB = 1024 * 1024;

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** An output over a reader, and a time that passes only when a test or the output itself lets it. */
function outputTo(writeBytes: (bytes: Uint8Array) => number, isHeld = true) {
  const timers: (() => void)[] = [];
  const complaints: string[] = [];
  const seen = { text: "", writes: 0, blockedMs: 0 };
  const output = createLogOutput(1, isHeld, {
    writeBytes(bytes) {
      seen.writes++;
      const taken = writeBytes(bytes);
      seen.text += Buffer.from(bytes.subarray(0, taken)).toString("latin1");
      return taken;
    },
    block: (delayMs) => {
      seen.blockedMs += delayMs;
    },
    complain: (message) => void complaints.push(message),
    clock: {
      now: () => 0,
      schedule(_delayMs, callback) {
        timers.push(callback);
        return { cancel: () => undefined };
      },
    },
  });
  const passTime = () => {
    for (const callback of timers.splice(0)) callback();
  };
  return { output, seen, complaints, timers, passTime };
}

const everything = ({ length }: Uint8Array) => length;

test("lines are written together, in their order, once the time has passed that they are held", () => {
  const { output, seen, timers, passTime } = outputTo(everything);
  output.write("a\n");
  output.write("b\n");
  expect(seen.writes).toBe(0);
  expect(timers).toHaveLength(1);
  passTime();
  expect(seen).toEqual({ text: "a\nb\n", writes: 1, blockedMs: 0 });
  expect(timers).toHaveLength(0);
  output.write("c\n");
  passTime();
  expect(seen.text).toBe("a\nb\nc\n");
});

test("64 KiB of lines wait for no time", () => {
  const { output, seen } = outputTo(everything);
  const line = `${"x".repeat(1023)}\n`;
  for (let count = 0; count < 63; count++) output.write(line);
  expect(seen.writes).toBe(0);
  output.write(line);
  expect(seen).toEqual({ text: line.repeat(64), writes: 1, blockedMs: 0 });
});

test("lines that are asked for are written at once, and all of them where none is to be held", () => {
  const held = outputTo(everything);
  held.output.write("a\n");
  held.output.flush();
  expect(held.seen.text).toBe("a\n");
  const prompt = outputTo(everything, false);
  prompt.output.write("a\n");
  expect(prompt.seen.text).toBe("a\n");
  expect(prompt.timers).toHaveLength(0);
});

test("a slow reader gets every byte in its order, and delays nothing until 1 MiB waits", () => {
  const action = fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }).map((text) => ({ text: `${text}\n` })),
    fc.nat(40_000).map((length) => ({ text: `${"é".repeat(length)}\n` })),
    fc.constant({ time: true as const }),
    fc.nat(300_000).map((room) => ({ room })),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
      let room = 0;
      let written = "";
      const { output, seen, complaints, passTime } = outputTo((bytes) => {
        if (room === 0 && written.length - seen.text.length < MIB) throw failure("EAGAIN");
        const taken = Math.min(Math.max(room, 100_000), bytes.length); // who blocks gets on after all
        room = Math.max(0, room - taken);
        return taken;
      });
      for (const act of actions) {
        if ("text" in act) {
          written += Buffer.from(act.text).toString("latin1");
          output.write(act.text);
        } else if ("room" in act) {
          room += act.room;
        } else {
          passTime();
        }
        expect(written.length - seen.text.length).toBeLessThan(3 * MIB);
        expect(seen.blockedMs).toBe(0);
      }
      room = Number.MAX_SAFE_INTEGER;
      output.end();
      expect(seen.text === written).toBe(true);
      expect(complaints).toEqual([]);
    }),
    { numRuns: 20 },
  );
});

test("where more than 1 MiB waits, the process waits until the reader has taken some", () => {
  let isFull = true;
  const { output, seen } = outputTo((bytes) => {
    if (isFull && seen.blockedMs < 20) throw failure("EAGAIN");
    isFull = false;
    return bytes.length;
  });
  const line = `${"x".repeat(1023)}\n`;
  for (let count = 0; count < 1024; count++) output.write(line);
  expect(seen).toMatchObject({ text: "", blockedMs: 0 });
  for (let count = 0; count < 65; count++) output.write(line);
  expect(seen.blockedMs).toBe(20);
  expect(seen.text.length).toBeGreaterThanOrEqual(MIB);
});

test("once the reader has gone, lines are dropped without a word", () => {
  const { output, seen, complaints, passTime } = outputTo(() => {
    throw failure("EPIPE");
  });
  output.write("a\n");
  passTime();
  output.write("b\n");
  passTime();
  output.end();
  output.write("c\n");
  expect(seen.writes).toBe(1);
  expect(complaints).toEqual([]);
});

test("a disk that is full is said once, and lines are written again as soon as they can be", () => {
  let isFull = true;
  const { output, seen, complaints } = outputTo((bytes) => {
    if (isFull) throw failure("ENOSPC");
    return bytes.length;
  });
  for (const line of ["a\n", "b\n"]) {
    output.write(line);
    output.flush();
  }
  expect(complaints).toEqual(["the log cannot be written, and lines are lost: Error: ENOSPC"]);
  isFull = false;
  output.write("c\n");
  output.flush();
  expect(seen.text).toBe("c\n");
});

test("at the end a slow reader is waited for while it takes something, and lines that come then are written at once", () => {
  let asked = 0;
  const { output, seen, complaints } = outputTo((bytes) => {
    asked++;
    if (asked % 500 !== 0) throw failure("EAGAIN"); // a second between two bytes
    return Math.min(1, bytes.length);
  });
  output.write("slow\n");
  output.end();
  output.write("late\n");
  expect(seen.text).toBe("slow\nlate\n");
  expect(complaints).toEqual([]);
});

test("at the end a reader that takes nothing is given up after two seconds, which is said", () => {
  const { output, seen, complaints } = outputTo(() => {
    throw failure("EAGAIN");
  });
  output.write("a\n");
  output.end();
  output.write("b\n");
  expect(seen.blockedMs).toBeLessThanOrEqual(2000);
  expect(complaints).toEqual(["nobody reads the log: its last 2 bytes are lost"]);
});

test("a pipe gets whole lines, as many as nobody else's can get into", () => {
  const line = fc.oneof(fc.nat(300), fc.nat(9000)).map((length) => `${"x".repeat(length)}\n`);
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 100 }), (lines) => {
      let bytes = Buffer.from(lines.join(""));
      while (bytes.length > 0) {
        const length = atomicLength(bytes);
        const piece = bytes.subarray(0, length);
        expect(piece.at(-1)).toBe(10);
        expect(length <= 4096 || piece.indexOf(10) === length - 1).toBe(true);
        bytes = bytes.subarray(length);
      }
    }),
  );
});
