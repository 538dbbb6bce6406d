import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemClock } from "../../call/clock.ts";
import { createTestClock } from "../../service/test-clock.ts";
import { formatAddress } from "./address.ts";
import { dnsResolver } from "./dns-resolver.ts";
import type { Resolution, ResolverListener } from "./resolver.ts";

interface Answer {
  with(...addresses: readonly string[]): Promise<void>;
  withError(message: string): Promise<void>;
}

const turnEnds = () => new Promise<void>((resolve) => setImmediate(resolve));
const open: Resolution[] = [];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }); // the test clock alone moves time
});
afterEach(() => {
  for (const resolution of open.splice(0)) resolution.close();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** A resolver of `orders:50051`, whose look-ups wait for the test to answer, and what it has told: its lists and errors. */
function resolving({ jitter = 0.5, intervalMs }: { readonly jitter?: number; readonly intervalMs?: number } = {}) {
  const clock = createTestClock();
  const lookUps: Answer[] = [];
  const told: string[] = [];
  const lookup = (host: string) => {
    expect(host).toBe("orders");
    const { promise, resolve, reject } = Promise.withResolvers<readonly { readonly address: string }[]>();
    lookUps.push({
      async with(...addresses) {
        resolve(addresses.map((address) => ({ address })));
        await turnEnds();
      },
      async withError(message) {
        reject(new Error(message));
        await turnEnds();
      },
    });
    return promise;
  };
  const listener: ResolverListener = {
    onAddresses: (addresses) => told.push(addresses.map(formatAddress).join(" ")),
    onError: ({ message }) => told.push(message),
  };
  const resolver = dnsResolver({ host: "orders", port: 50_051 }, { clock, random: () => jitter, lookup, intervalMs });
  const resolution = resolver.resolve(listener);
  open.push(resolution);
  const last = () => lookUps.at(-1) ?? expect.unreachable();
  return { clock, resolution, told, lookUps, last };
}

test("every address of the name is a backend, in the order of the answer, and none twice", async () => {
  const { lookUps, told, last } = resolving();
  expect(lookUps).toHaveLength(1);
  expect(told).toEqual([]);
  await last().with("10.0.0.2", "::1", "10.0.0.1", "10.0.0.2");
  expect(told).toEqual(["10.0.0.2:50051 [::1]:50051 10.0.0.1:50051"]);
});

test("the name is looked up again after the interval, and told again only when the set is another", async () => {
  const { clock, lookUps, told, last } = resolving({ intervalMs: 10_000 });
  await last().with("10.0.0.1", "10.0.0.2");
  clock.advance(9900);
  expect(lookUps).toHaveLength(1);
  clock.advance(100);
  expect(lookUps).toHaveLength(2);
  await last().with("10.0.0.2", "10.0.0.1");
  expect(told).toHaveLength(1);
  clock.advance(10_000);
  await last().with("10.0.0.2", "10.0.0.3");
  expect(told).toEqual(["10.0.0.1:50051 10.0.0.2:50051", "10.0.0.2:50051 10.0.0.3:50051"]);
});

test("while it is paused nothing is looked up, and resuming looks up only what has become stale", async () => {
  const { clock, resolution, lookUps, last } = resolving();
  await last().with("10.0.0.1");
  resolution.pause?.();
  resolution.resume?.();
  resolution.pause?.();
  clock.advance(29_000);
  resolution.resume?.();
  expect(lookUps).toHaveLength(1);
  resolution.pause?.();
  clock.advance(100_000);
  expect(lookUps).toHaveLength(1);
  resolution.resume?.();
  resolution.resume?.();
  expect(lookUps).toHaveLength(2);
  await last().with("10.0.0.1");
  clock.advance(29_000);
  expect(lookUps).toHaveLength(2);
  clock.advance(1000);
  expect(lookUps).toHaveLength(3);
});

test("a name that does not resolve is not looked up for ever for a channel that is paused", async () => {
  const { clock, resolution, lookUps, last } = resolving();
  resolution.pause?.();
  await last().withError("ENOTFOUND");
  clock.advance(100_000);
  expect(lookUps).toHaveLength(1);
  resolution.resume?.();
  expect(lookUps).toHaveLength(2);
});

test("a refresh looks up at once, or 250 ms after the last look-up began, and is then one for all", async () => {
  const { clock, resolution, lookUps, last } = resolving();
  await last().with("10.0.0.1");
  resolution.refresh();
  resolution.refresh();
  expect(lookUps).toHaveLength(1);
  clock.advance(250);
  expect(lookUps).toHaveLength(2);
  await last().with("10.0.0.1");
  clock.advance(250);
  expect(lookUps).toHaveLength(2);
  resolution.refresh();
  expect(lookUps).toHaveLength(3);
});

test("a refresh while a look-up is under way leads to another after it", async () => {
  const { clock, resolution, lookUps, told, last } = resolving();
  clock.advance(1000);
  resolution.refresh();
  resolution.refresh();
  expect(lookUps).toHaveLength(1);
  await last().with("10.0.0.1");
  expect(lookUps).toHaveLength(2);
  await last().with("10.0.0.2");
  expect(told).toEqual(["10.0.0.1:50051", "10.0.0.2:50051"]);
  clock.advance(1000);
  expect(lookUps).toHaveLength(2);
});

test("a failed look-up is told, and repeated after a back-off that grows, and begins small again after a success", async () => {
  const { clock, lookUps, told, last } = resolving({ jitter: 0.999 });
  for (const [attempt, mostMs] of [50, 100, 200, 400, 800, 800].entries()) {
    await last().withError("getaddrinfo ENOTFOUND orders");
    clock.advance(mostMs * 0.8);
    expect(lookUps).toHaveLength(attempt + 1);
    clock.advance(mostMs * 0.2);
    expect(lookUps).toHaveLength(attempt + 2);
  }
  expect(new Set(told)).toEqual(new Set(["looking up the name orders failed: getaddrinfo ENOTFOUND orders"]));
  await last().with("10.0.0.1");
  clock.advance(30_000);
  await last().withError("EAI_AGAIN");
  clock.advance(50);
  expect(lookUps).toHaveLength(9);
});

test("a refresh brings the next look-up forward, and never puts one off", async () => {
  const { clock, resolution, lookUps, last } = resolving({ jitter: 0.999 });
  await last().withError("ENOTFOUND");
  resolution.refresh();
  clock.advance(50);
  expect(lookUps).toHaveLength(2);
  for (const mostMs of [100, 200, 400]) {
    await last().withError("ENOTFOUND");
    clock.advance(mostMs);
  }
  await last().withError("ENOTFOUND");
  resolution.refresh();
  expect(lookUps).toHaveLength(5);
  clock.advance(250);
  expect(lookUps).toHaveLength(6);
});

test("the interval begins anew with every answer", async () => {
  const { clock, resolution, lookUps, last } = resolving();
  await last().with("10.0.0.1");
  resolution.refresh();
  clock.advance(250);
  await last().with("10.0.0.1");
  clock.advance(10_000);
  resolution.refresh();
  await last().with("10.0.0.1");
  expect(lookUps).toHaveLength(3);
  clock.advance(29_000);
  expect(lookUps).toHaveLength(3);
  clock.advance(1000);
  expect(lookUps).toHaveLength(4);
});

test("what became stale in a back-off is looked up after a resume, 250 ms after the last look-up began", async () => {
  const { clock, resolution, lookUps, last } = resolving({ jitter: 0.999 });
  resolution.pause?.();
  await last().withError("ENOTFOUND");
  clock.advance(50);
  resolution.resume?.();
  expect(lookUps).toHaveLength(1);
  clock.advance(200);
  expect(lookUps).toHaveLength(2);
});

test("an answer without an address is a failure", async () => {
  const { told, last } = resolving();
  await last().with();
  expect(told).toEqual(["looking up the name orders failed: it has no address"]);
});

test("an answer that takes back an error is told, the same as before or not", async () => {
  const { clock, told, last } = resolving();
  await last().with("10.0.0.1");
  clock.advance(30_000);
  await last().withError("EAI_AGAIN");
  clock.advance(50);
  await last().with("10.0.0.1");
  expect(told).toEqual(["10.0.0.1:50051", "looking up the name orders failed: EAI_AGAIN", "10.0.0.1:50051"]);
});

test("a look-up that takes longer than 5 s has failed, and its answer comes too late", async () => {
  const { clock, lookUps, told, last } = resolving();
  const slow = last();
  clock.advance(4900);
  expect(told).toEqual([]);
  clock.advance(100);
  expect(told).toEqual(["looking up the name orders failed: it did not answer within 5000 ms"]);
  clock.advance(50);
  expect(lookUps).toHaveLength(2);
  await slow.with("10.0.0.1");
  await last().with("10.0.0.2");
  expect(told.slice(1)).toEqual(["10.0.0.2:50051"]);
});

test("nothing is told or looked up once it is closed", async () => {
  const { clock, resolution, lookUps, told, last } = resolving();
  resolution.refresh();
  resolution.close();
  await last().with("10.0.0.1");
  resolution.refresh();
  resolution.resume?.();
  clock.advance(100_000);
  expect(lookUps).toHaveLength(1);
  expect(told).toEqual([]);
});

test("a listener may close the resolution as soon as it is told something", async () => {
  const clock = createTestClock();
  let lookUps = 0;
  const lookup = async () => {
    lookUps++;
    throw new Error("ENOTFOUND");
  };
  const { promise: told, resolve: tell } = Promise.withResolvers<void>();
  const resolution = dnsResolver({ host: "orders", port: 1 }, { clock, random: () => 0, lookup }).resolve({
    onAddresses: () => expect.unreachable(),
    onError() {
      resolution.close();
      tell();
    },
  });
  await told;
  clock.advance(100_000);
  expect(lookUps).toBe(1);
});

test("a look-up that throws is one that fails", async () => {
  const lookup = () => {
    throw new Error("no such thing");
  };
  const { promise, resolve } = Promise.withResolvers<Error>();
  const resolver = dnsResolver({ host: "orders", port: 1 }, { clock: createTestClock(), random: () => 0.5, lookup });
  open.push(resolver.resolve({ onAddresses: () => expect.unreachable(), onError: resolve }));
  await expect(promise).resolves.toMatchObject({ message: "looking up the name orders failed: no such thing" });
});

test("the system knows where localhost is", async () => {
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
  const resolver = dnsResolver({ host: "localhost", port: 50_051 }, { clock: systemClock, random: Math.random });
  expect(resolver.authority).toBe("localhost:50051");
  open.push(resolver.resolve({ onAddresses: (addresses) => resolve(addresses.map(formatAddress)), onError: reject }));
  const addresses = await promise;
  expect(["127.0.0.1:50051", "[::1]:50051"]).toEqual(expect.arrayContaining([...addresses]));
  expect(addresses).not.toHaveLength(0);
});
