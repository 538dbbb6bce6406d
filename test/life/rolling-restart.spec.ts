import { describe, expect, test } from "vitest";
import { FLAG, FRAME, frame, framesIn, headerBlock, PREFACE } from "../support/frames.ts";
import { rawSocket } from "../support/raw-socket.ts";
import { type ServiceProcess, startProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";
import { startFront } from "./load/front.ts";
import { type Load, startLoad, type Work } from "./load/load.ts";
import { CHANNELS, restWorks, rpcWorks, STRANGERS } from "./load/works.ts";

const SERVICE = "test/life/fixtures/rolling.ts";
const ROUNDS = 4;
const GRACE_MS = 10_000;
/** What a GOAWAY says that only announces (RFC 9113, 6.8). */
const MAX_STREAM = 2 ** 31 - 1;

/** Restarts a service under load again and again; the new instance serves when the old one is told to stop. */
async function restartUnder(worksAt: (url: string) => readonly Work[]) {
  await using front = await startFront();
  let serving = startProcess(SERVICE);
  const stops: { readonly exit: number | string; readonly isInTime: boolean }[] = [];
  let load: Load | undefined;
  try {
    front.sendTo(await serving.url());
    const works = worksAt(front.url);
    load = startLoad(works);
    const { tally } = load;
    const count = () => works.map(({ name }) => tally.calls[name] ?? 0);
    for (let round = 0; round < ROUNDS; round++) {
      const before = count();
      const next = startProcess(SERVICE);
      front.sendTo(await next.url());
      const old = serving;
      serving = next;
      await until(() => count().every((calls, at) => calls > (before[at] ?? 0)), 20_000);
      const since = performance.now();
      const exit = await old.stop();
      stops.push({ exit, isInTime: performance.now() - since < GRACE_MS });
    }
    const watches = front.watches.map(({ goAways, lastStream, refused }) => ({
      goAways: [...goAways],
      lastStream,
      refused,
    }));
    await load.end(); // from here on it is the clients who leave
    return { ...tally, stops, watches, names: works.map(({ name }) => name) };
  } finally {
    await load?.end();
    await serving[Symbol.asyncDispose]();
  }
}

describe("a rolling restart under load loses no call", { timeout: 120_000 }, () => {
  test.each([
    ["of other people's clients", (url: string) => [...STRANGERS.flatMap((client) => rpcWorks(client, url))]],
    ["of REST over connections that are kept", restWorks],
    ["of channels", (url: string) => CHANNELS.flatMap((client) => rpcWorks(client, url))],
  ])("%s", async (_what, worksAt) => {
    const { calls, lost, repeats, stops, watches, names } = await restartUnder(worksAt);
    expect(lost).toEqual([]);
    expect(stops).toEqual(Array.from({ length: ROUNDS }, () => ({ exit: 0, isInTime: true })));
    expect(Object.keys(calls).sort()).toEqual([...names].sort());
    const left = watches.filter(({ goAways }) => goAways.length > 0);
    expect(left.filter(({ goAways: [first] }) => first !== MAX_STREAM)).toEqual([]);
    expect(left.filter(({ goAways, lastStream }) => goAways.length === 2 && lastStream > (goAways[1] ?? 0))).toEqual(
      [],
    );
    expect(watches.flatMap(({ refused }) => refused)).toEqual([]);
    if (process.env["LOAD_REPORT"] !== undefined) console.log({ calls, repeats, connectionsLeft: left.length });
  });
});

/** Has the service stop, and waits until it takes no further connections. */
async function beginStop(service: ServiceProcess) {
  const since = performance.now();
  const exit = service.stop();
  await until(() => service.stdout().includes("action=stop, status=draining"));
  return { exit, passedMs: () => performance.now() - since };
}

describe("while it stops, a connection of HTTP/1.1 that is kept", () => {
  const GET = "GET /a HTTP/1.1\r\nhost: a\r\n\r\n";

  test("has its next request answered with connection: close", async () => {
    await using service = startProcess(SERVICE);
    using peer = await rawSocket(await service.url());
    await peer.send(GET);
    expect((await peer.answer()).headers.get("connection")).toBe("keep-alive");
    const { exit } = await beginStop(service);
    await peer.send(GET);
    const { status, headers } = await peer.answer();
    expect([status, headers.get("connection")]).toEqual([200, "close"]);
    await peer.closed;
    expect(await exit).toBe(0);
  });

  test("has the head of a request that is half there read to its end, and answered", async () => {
    await using service = startProcess(SERVICE);
    const url = await service.url();
    using fresh = await rawSocket(url);
    using kept = await rawSocket(url);
    await kept.send(GET);
    await kept.answer();
    for (const peer of [fresh, kept]) await peer.send(GET.slice(0, 20));
    const { exit } = await beginStop(service);
    for (const peer of [fresh, kept]) {
      await peer.send(GET.slice(20));
      expect((await peer.answer()).headers.get("connection")).toBe("close");
      await peer.closed;
    }
    expect(await exit).toBe(0);
  });

  test("is ended after a second without a request, and holds up nothing longer", async () => {
    await using service = startProcess(SERVICE);
    using peer = await rawSocket(await service.url());
    await peer.send(GET);
    await peer.answer();
    const { exit, passedMs } = await beginStop(service);
    await peer.closed;
    expect(passedMs()).toBeGreaterThan(900);
    expect(await exit).toBe(0);
    expect(passedMs()).toBeLessThan(2000);
  });

  test("is ended at once where its last request was long ago", async () => {
    await using service = startProcess(SERVICE);
    using peer = await rawSocket(await service.url());
    await peer.send(GET);
    await peer.answer();
    const answeredAt = performance.now();
    await until(() => performance.now() - answeredAt > 2100); // nothing to wait for but the time itself
    const { exit, passedMs } = await beginStop(service);
    expect(await exit).toBe(0);
    expect(passedMs()).toBeLessThan(900);
  });
});

test("while it stops, a request that crosses the first GOAWAY is answered, however long that takes", async () => {
  await using service = startProcess(SERVICE);
  using peer = await rawSocket(await service.url());
  await peer.send(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0), frame(FRAME.settings, FLAG.ack, 0)]));
  await until(() => framesIn(peer.received()).some(({ type }) => type === FRAME.settings));
  const { exit } = await beginStop(service);
  const framesOf = (type: number) => framesIn(peer.received()).filter((it) => it.type === type);
  await until(() => framesOf(FRAME.goaway).length === 1);
  const block = headerBlock([
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/?ms=1800"],
    [":authority", "a"],
  ]);
  await peer.send(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, block));
  const PING = 6;
  await peer.send(frame(PING, FLAG.ack, 0, framesOf(PING)[0]?.payload));
  await peer.closed;
  const last = framesIn(peer.received())
    .filter(({ stream }) => stream === 1)
    .at(-1);
  expect(last?.flags).toBe(FLAG.endStream);
  expect(framesOf(FRAME.goaway).map(({ payload }) => payload.readUInt32BE(0))).toEqual([MAX_STREAM, 1]);
  expect(await exit).toBe(0);
});

test("while it stops, a request on a connection of HTTP/1.1 that is kept is answered, however long that takes", async () => {
  await using service = startProcess(SERVICE);
  using peer = await rawSocket(await service.url());
  await peer.send("GET /a HTTP/1.1\r\nhost: a\r\n\r\n");
  await peer.answer();
  const { exit } = await beginStop(service);
  await peer.send("GET /?ms=1800 HTTP/1.1\r\nhost: a\r\n\r\n");
  expect(await peer.answer()).toMatchObject({ status: 200, body: "GET " });
  expect(await exit).toBe(0);
});
