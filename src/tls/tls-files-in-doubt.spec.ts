import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  authority,
  BEGINNING,
  openPair,
  openWritten,
  PAIR,
  pairFor,
  refused,
  success,
} from "../../test/tls/written-files.ts";
import { createAuthority } from "../../tools/certificates/authority.ts";

const [first, second, third] = await Promise.all([pairFor(90), pairFor(90), pairFor(90)]);
const OTHER_KEY = "the key tls.key is not the key to the certificate in the cert tls.crt";

describe("files that cannot be used", () => {
  test("are waited for while they are written one after the other, without a line in the log", async () => {
    const { clock, files, watched, write, newLines } = await openPair(first);
    write({ cert: second.cert.slice(0, 200) });
    watched.hint();
    await clock.advance(500);
    write({ cert: second.cert });
    watched.hint();
    await clock.advance(1900);
    expect(files.current.pair).toEqual(first);
    write({ key: second.key });
    watched.hint();
    await clock.advance(100);
    expect(files.current.pair).toEqual(second);
    expect(newLines()).toEqual([success()]);
    await clock.advance(60_000);
    expect(newLines()).toEqual([]);
  });

  test("are refused after two seconds by one line, however often they are looked at, and the last good ones stay", async () => {
    const { clock, files, watched, write, newLines } = await openPair(first);
    const told: unknown[] = [];
    files.onRenewal((credentials) => told.push(credentials));
    const { current } = files;
    write({ key: second.key });
    watched.hint();
    await clock.advance(2099);
    expect(newLines()).toEqual([]);
    await clock.advance(1);
    expect(newLines()).toEqual([refused(OTHER_KEY)]);
    for (let looks = 0; looks < 10; looks++) {
      watched.hint();
      await clock.advance(60_000);
    }
    expect(newLines()).toEqual([]);
    expect(files.current).toBe(current);
    expect(told).toEqual([]);
  });

  test("are refused in time where hints go on", async () => {
    const { clock, watched, write, newLines } = await openPair(first);
    write({ key: second.key });
    for (let passed = 0; passed < 2500; passed += 250) {
      watched.hint();
      await clock.advance(250);
    }
    expect(newLines()).toEqual([refused(OTHER_KEY)]);
  });

  test("give way to good ones, and others that are bad are refused by a line of their own", async () => {
    const { clock, files, write, newLines } = await openPair(first);
    write({ key: second.key });
    await clock.advance(32_000);
    expect(newLines()).toEqual([refused(OTHER_KEY)]);
    write({ key: third.key });
    await clock.advance(32_000);
    expect(newLines()).toEqual([refused(OTHER_KEY)]); // it is another key, and still another's
    write(second);
    await clock.advance(30_000);
    expect(files.current.pair).toEqual(second);
    expect(newLines()).toEqual([success()]);
    write({ cert: "nothing" });
    await clock.advance(32_000);
    expect(newLines()).toEqual([refused("the cert tls.crt holds no certificate in PEM")]);
    expect(files.current.pair).toEqual(second);
  });

  test("are refused again where the last good ones were back in between, which is no renewal", async () => {
    const { clock, files, write, newLines } = await openPair(first);
    const told: unknown[] = [];
    files.onRenewal((credentials) => told.push(credentials));
    for (let round = 0; round < 2; round++) {
      write({ key: second.key });
      await clock.advance(32_000);
      expect(newLines()).toEqual([refused(OTHER_KEY)]);
      write(first);
      await clock.advance(30_000);
      expect(newLines()).toEqual([
        "info action=renew_certificate, status=restored: the files are the last good ones again",
      ]);
    }
    expect(told).toEqual([]);
  });

  test("may be missing: for a moment without a word, and for longer with one", async () => {
    const { clock, files, watched, write, remove, newLines } = await openPair(first);
    remove(PAIR.cert);
    watched.hint();
    await clock.advance(1000);
    write(second);
    watched.hint();
    await clock.advance(100);
    expect(newLines()).toEqual([success()]);
    remove(PAIR.key);
    await clock.advance(90_000);
    expect(newLines()).toEqual([refused("the key tls.key cannot be read: there is no such file")]);
    write({ key: second.key });
    remove(PAIR.cert);
    await clock.advance(90_000);
    expect(newLines()).toEqual([refused("the cert tls.crt cannot be read: there is no such file")]);
    expect(files.current.pair).toEqual(second);
    write(third);
    await clock.advance(30_000);
    expect(files.current.pair).toEqual(third);
  });

  test("are used once they have become valid, without a change", async () => {
    const { clock, files, write, newLines } = await openPair(first);
    write(await pairFor(90, 1 / 24));
    await clock.advance(3_500_000);
    const validFrom = new Date(BEGINNING + 3_600_000).toISOString().replace(".000Z", "Z");
    expect(newLines()).toEqual([
      refused(`the cert tls.crt holds the certificate of subject:CN=server, which is not valid before ${validFrom}`),
    ]);
    expect(files.current.pair).toEqual(first);
    await clock.advance(130_000);
    expect(files.current.pair).not.toEqual(first);
    expect(newLines()).toEqual([success()]);
  });

  test("are not mixed with the good ones of another moment", async () => {
    const { clock, files, set } = await openWritten(
      { [PAIR.cert]: first.cert, [PAIR.key]: first.key, "ca.crt": authority.cert },
      { ...PAIR, ca: "ca.crt" },
    );
    set("ca.crt", "nothing");
    set(PAIR.cert, second.cert);
    set(PAIR.key, second.key);
    await clock.advance(60_000);
    expect(files.current).toMatchObject({ pair: first, ca: authority.cert });
    const other = await createAuthority("other");
    set("ca.crt", other.cert);
    await clock.advance(30_000);
    expect(files.current).toMatchObject({ pair: second, ca: other.cert });
  });
});

test("whatever is written and whenever, what is used belongs together, and is what is there once that is good", async () => {
  const pairs = [first, second, third];
  /** What a file holds: one of the pairs' text, rubbish, or nothing, as there is no file. */
  const content = fc.constantFrom(0, 1, 2, "rubbish", undefined);
  const step = fc.oneof(
    fc.record({ writes: fc.constantFrom("cert" as const, "key" as const), content }),
    fc.record({ writes: fc.constant("both" as const), content: fc.constantFrom(0, 1, 2) }),
    fc.record({ writes: fc.constant("nothing, and gives a hint" as const), content: fc.constant(undefined) }),
  );
  const steps = fc.array(fc.tuple(step, fc.nat({ max: 3000 })), { maxLength: 15 });
  const delays = fc.record({ cert: fc.nat({ max: 200 }), key: fc.nat({ max: 200 }) });
  await fc.assert(
    fc.asyncProperty(steps, delays, async (all, delayMs) => {
      const opened = await openPair(first);
      const { clock, files, watched, remove, set } = opened;
      using _opened = files;
      opened.readMs = (path) => (path === PAIR.cert ? delayMs.cert : delayMs.key);
      const there: Record<"cert" | "key", unknown> = { cert: 0, key: 0 };
      for (const [{ writes, content }, ms] of all) {
        if (writes === "nothing, and gives a hint") watched.hint();
        else {
          for (const role of writes === "both" ? (["cert", "key"] as const) : [writes]) {
            there[role] = content;
            const text = typeof content === "number" ? pairs[content]?.[role] : content;
            if (text === undefined) remove(PAIR[role]);
            else set(PAIR[role], text);
          }
        }
        await clock.advance(ms);
        expect(pairs).toContainEqual(files.current.pair);
      }
      const { current } = files;
      await clock.advance(31_000);
      if (there.cert === there.key && typeof there.cert === "number") {
        expect(files.current.pair).toEqual(pairs[there.cert]);
      } else if (delayMs.cert === delayMs.key) {
        expect(files.current).toBe(current);
      }
    }),
    { numRuns: 100 },
  );
});
