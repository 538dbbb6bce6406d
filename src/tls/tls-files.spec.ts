import { describe, expect, test } from "vitest";
import {
  authority,
  BEGINNING,
  DAY_MS,
  openPair,
  openWritten,
  PAIR,
  pairFor,
  refused,
  success,
  type WrittenFiles,
} from "../../test/tls/written-files.ts";
import type { Credentials } from "./credentials.ts";

const [first, second, third] = await Promise.all([pairFor(90), pairFor(90), pairFor(90)]);
const OTHER_KEY = "the key tls.key is not the key to the certificate in the cert tls.crt";

describe("files that are opened", () => {
  test("are read, checked and watched", async () => {
    const { files, watched, newLines } = await openPair(first);
    expect(files.current).toMatchObject({ pair: first, clientCa: undefined, ca: undefined });
    expect(files.daysLeft).toBe(90);
    expect(watched.paths).toEqual(["tls.crt", "tls.key"]);
    expect(newLines()).toEqual([]);
  });

  test("may be those of authorities alone, which have no days left", async () => {
    const { files } = await openWritten({ "ca.crt": authority.cert }, { ca: "ca.crt" });
    expect(files.current).toEqual({ pair: undefined, clientCa: undefined, ca: authority.cert, certificate: undefined });
    expect(files.daysLeft).toBeUndefined();
  });

  test.each([
    [{ [PAIR.cert]: first.cert }, "the key tls.key cannot be read: there is no such file"],
    [{ [PAIR.cert]: first.cert, [PAIR.key]: second.key }, OTHER_KEY],
  ])("cannot be used from the start: %#", async (disk, message) => {
    await expect(openWritten(disk)).rejects.toMatchObject({ name: "CredentialsError", message });
  });
});

describe("files that change", () => {
  test("are used a tenth of a second after a hint, and the log says so", async () => {
    const { clock, files, watched, write, newLines } = await openPair(first);
    const told: Credentials[] = [];
    files.onRenewal((credentials) => told.push(credentials));
    write(second);
    watched.hint();
    await clock.advance(99);
    expect(files.current.pair).toEqual(first);
    await clock.advance(1);
    expect(files.current.pair).toEqual(second);
    expect(told).toEqual([files.current]);
    expect(newLines()).toEqual([success()]);
    await clock.advance(DAY_MS);
    expect(told).toHaveLength(1);
    expect(newLines()).toEqual([]);
  });

  test("are found again behind a read that hangs, which is said", async () => {
    const written = await openPair(first);
    written.readMs = () => Number.MAX_SAFE_INTEGER;
    await written.clock.advance(90_000);
    expect(written.newLines()).toEqual([refused("the cert tls.crt cannot be read: no answer within 10 s")]);
    written.readMs = () => 0;
    written.write(second);
    await written.clock.advance(41_000);
    expect(written.files.current.pair).toEqual(second);
  });

  test("are used by all who listen, though one of them fails", async () => {
    const { clock, files, write, newLines } = await openPair(first);
    const told: Credentials[] = [];
    files.onRenewal(() => {
      throw new Error("no");
    });
    files.onRenewal((credentials) => told.push(credentials));
    write(second);
    await clock.advance(30_000);
    expect(told).toEqual([files.current]);
    expect(newLines().at(-1)).toContain("the new credentials could not be put to use");
  });

  test("are found without a hint within half a minute", async () => {
    const { clock, files, write } = await openPair(first);
    await clock.advance(29_000);
    write(second);
    await clock.advance(1000);
    expect(files.current.pair).toEqual(second);
    write(third);
    await clock.advance(29_999);
    expect(files.current.pair).toEqual(second);
    await clock.advance(1);
    expect(files.current.pair).toEqual(third);
  });

  test("are watched anew after every look, as links may lead elsewhere", async () => {
    const { clock, watched } = await openPair(first);
    watched.hint();
    await clock.advance(100);
    expect(watched.updates).toBe(1);
    await clock.advance(60_000);
    expect(watched.updates).toBe(3);
  });

  test("are looked at once for hints that come together, and again for one in the middle of a look", async () => {
    const opened = await openPair(first);
    const { clock, files, watched, write } = opened;
    const before = opened.reads;
    for (let passed = 0; passed < 500; passed += 50) {
      watched.hint();
      await clock.advance(50);
    }
    expect(opened.reads).toBe(before);
    await clock.advance(50);
    expect(opened.reads).toBe(before + 2); // the two files
    opened.readMs = () => 300;
    watched.hint();
    await clock.advance(100);
    watched.hint();
    await clock.advance(100); // the second finds that the first is still reading
    expect(opened.reads).toBe(before + 4);
    await clock.advance(200);
    write(second);
    await clock.advance(399);
    expect(opened.reads).toBe(before + 6);
    expect(files.current.pair).toEqual(first);
    await clock.advance(1);
    expect(files.current.pair).toEqual(second);
  });

  test("are looked at every half a minute however many hints there are", async () => {
    const { clock, files, watched, write } = await openPair(first);
    write(second);
    for (let passed = 0; passed < 30_000; passed += 50) {
      watched.hint();
      await clock.advance(50);
    }
    expect(files.current.pair).toEqual(second);
  });

  test("are told of to whoever has subscribed, once they are current, until they unsubscribe", async () => {
    const { clock, files, write } = await openPair(first);
    const told: unknown[] = [];
    const forget = files.onRenewal(({ pair }) => told.push(["one", pair, files.current.pair]));
    files.onRenewal(({ pair }) => told.push(["other", pair, files.current.pair]));
    write(second);
    await clock.advance(30_000);
    forget();
    write(third);
    await clock.advance(30_000);
    expect(told).toEqual([
      ["one", second, second],
      ["other", second, second],
      ["other", third, third],
    ]);
  });
});

describe("a certificate that ends", () => {
  test("within 14 days is warned of at the start and every day, and is an error once it has", async () => {
    const { clock, files, newLines } = await openPair(await pairFor(2.5));
    const ends = new Date(BEGINNING + 2.5 * DAY_MS).toISOString();
    const warning = (days: number, words: string) =>
      `warn {"days_left":${days}} the certificate in the cert tls.crt ends ${words}, on ${ends}`;
    const error = (days: number) =>
      `error {"days_left":${days}} the certificate in the cert tls.crt has expired on ${ends}`;
    const days: (number | undefined)[] = [];
    const lines: (readonly string[])[] = [newLines()];
    for (let day = 0; day < 4; day++) {
      days.push(files.daysLeft);
      await clock.advance(DAY_MS);
      lines.push(newLines());
    }
    expect(days).toEqual([2, 1, 0, -1]);
    expect(lines).toEqual([
      [warning(2, "in 2 days")],
      [warning(1, "in a day")],
      [warning(0, "within a day")],
      [error(-1)],
      [error(-2)],
    ]);
    expect(files.current.pair).toBeDefined(); // it is all that there is
  });

  test("later is warned of from the day on that 14 are not left, until it is renewed", async () => {
    const { clock, write, newLines } = await openPair(await pairFor(16));
    await clock.advance(2 * DAY_MS);
    expect(newLines()).toEqual([]);
    await clock.advance(DAY_MS);
    expect(newLines()).toHaveLength(1);
    write(await pairFor(60));
    await clock.advance(30_000);
    expect(newLines()).toEqual([success(60)]);
    await clock.advance(2 * DAY_MS);
    expect(newLines()).toEqual([]);
  });
});

describe("files that are disposed", () => {
  test("are neither looked at nor watched any more, and have no timer left", async () => {
    const opened = await openPair(await pairFor(3));
    const { clock, files, watched, write } = opened;
    write({ key: second.key });
    watched.hint();
    await clock.advance(1000); // in doubt
    watched.hint();
    const { reads } = opened;
    files[Symbol.dispose]();
    expect(clock.timers).toBe(0);
    expect(watched.isClosed).toBe(true);
    watched.hint();
    await clock.advance(DAY_MS);
    expect(opened.reads).toBe(reads);
  });

  test.each<[string, (opened: WrittenFiles) => void, number]>([
    ["good ones", ({ write }) => write(second), 100],
    ["bad ones", ({ write }) => write({ key: second.key }), 100],
    ["none, for long", ({ remove }) => remove(PAIR.key), 2110],
  ])("in the middle of a look stay as they are, whatever it finds: %s", async (_what, change, lookedAtMs) => {
    const opened = await openPair(first);
    const { clock, files, watched, newLines } = opened;
    const told: unknown[] = [];
    files.onRenewal((credentials) => told.push(credentials));
    opened.readMs = () => 10;
    change(opened);
    watched.hint();
    await clock.advance(lookedAtMs);
    const { updates } = watched;
    files[Symbol.dispose]();
    await clock.advance(10);
    expect(clock.timers).toBe(0);
    expect(watched.updates).toBe(updates);
    expect(files.current.pair).toEqual(first);
    expect([told, newLines()]).toEqual([[], []]);
  });
});
