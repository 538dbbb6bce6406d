import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { writeFileSync } from "node:fs";
import { type ChannelEvents, tlsFiles } from "portico/client";
import { describe, expect, test } from "vitest";
import type { Pair } from "../../tools/certificates/authority.ts";
import { startLoad } from "../life/load/load.ts";
import { until } from "../support/until.ts";
import type { Content, MountedSecret } from "./mounted-secret.ts";
import { agentWorks, channelWorks, grpcJsWorks } from "./renewal-load.ts";
import {
  AGE_MS,
  contentOf,
  HOLDERS,
  type Holder,
  issueFor,
  renewalLines,
  renewed,
  serialOf,
  startRenewedServices,
} from "./renewed-services.ts";
import { watchServedSockets } from "./served-sockets.ts";

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Calls that channels have made again after a failure, and not because no server had seen them. */
function watchRetries(): Disposable & { readonly seen: readonly ChannelEvents["retry"][] } {
  const seen: ChannelEvents["retry"][] = [];
  const onRetry = (message: unknown) => {
    const event = message as ChannelEvents["retry"]; // what is published there
    if (event.kind === "retry") seen.push(event);
  };
  subscribe("portico:client:retry", onRetry);
  return { seen, [Symbol.dispose]: () => void unsubscribe("portico:client:retry", onRetry) };
}

/** The ways in which files are renewed. */
const WAYS: readonly (readonly [string, (secret: MountedSecret, content: Content) => void])[] = [
  ["by the swap of a link", (secret, content) => secret.swap(content)],
  ["by writing over them", (secret, content) => secret.overwrite(content)],
  ["by files that are put in their place", (secret, content) => secret.replace(content)],
];

describe("certificates that are renewed", { timeout: 120_000 }, () => {
  test("under load cost no call over any protocol, and are those of every connection within the age", async () => {
    using served = watchServedSockets();
    using retries = watchRetries();
    await using services = await startRenewedServices();
    const { authority, apps, ports, secrets, clientFiles } = services;
    using clientTls = await tlsFiles({ ...clientFiles, maxConnectionAgeMs: AGE_MS, log: silent });
    const urls = { name: apps.name.url, greeter: apps.greeter.url };
    // What others show stays the same: their libraries read no file again.
    const fixed = { ...(await issueFor("client", authority)), ca: authority.cert };
    const works = [...channelWorks(urls, clientTls), ...agentWorks(urls, fixed), ...grpcJsWorks(urls, fixed)];
    const load = startLoad(works);
    const progress = async () => {
      const before = works.map(({ name }) => load.tally.calls[name] ?? 0);
      await until(() => works.every(({ name }, at) => (load.tally.calls[name] ?? 0) > (before[at] ?? 0)), 20_000);
    };
    try {
      await progress();
      for (const [_way, write] of WAYS) {
        const next: Record<Holder, Pair> = {
          name: await issueFor("name", authority),
          greeter: await issueFor("greeter", authority),
          client: await issueFor("client", authority),
        };
        const clientRenewed = Promise.withResolvers<void>();
        const forget = clientTls.onRenewal(clientRenewed.resolve);
        const writeAll = () => {
          for (const holder of HOLDERS) write(secrets[holder], contentOf(next[holder], authority.cert));
        };
        await Promise.all([
          renewed(apps.name, writeAll),
          renewed(apps.greeter, () => undefined),
          clientRenewed.promise,
        ]);
        forget();
        const current = {
          name: [serialOf(next.greeter), serialOf(next.client), serialOf(fixed)],
          greeter: [serialOf(next.client), serialOf(fixed)],
        };
        for (const holder of ["name", "greeter"] as const) {
          const isRenewed = () =>
            served
              .openAt(ports[holder])
              .every(({ own, peer }) => own === serialOf(next[holder]) && current[holder].includes(peer));
          await until(isRenewed, AGE_MS + 8000);
          expect(served.openAt(ports[holder])).not.toEqual([]);
        }
        await progress();
      }
    } finally {
      await load.end();
    }
    expect(load.tally.lost).toEqual([]);
    expect(retries.seen).toEqual([]); // greeter's own channel would have made up for lost calls
    for (const app of Object.values(apps)) {
      expect(renewalLines(app, "success")).toHaveLength(WAYS.length);
      expect(renewalLines(app, "refused")).toEqual([]);
    }
  });

  test("are refused where they cannot be used, in one line, and calls go on with the last good ones until others come", async () => {
    using served = watchServedSockets();
    await using services = await startRenewedServices();
    const { authority, apps, ports, secrets, clientFiles } = services;
    using clientTls = await tlsFiles({ ...clientFiles, log: silent });
    const { name, greeter } = apps;
    const first = await issueFor("greeter", authority);
    await renewed(greeter, () => secrets.greeter.swap(contentOf(first, authority.cert)));
    const load = startLoad(channelWorks({ name: name.url, greeter: greeter.url }, clientTls).slice(0, 1));
    const callsMade = () => Object.values(load.tally.calls)[0] ?? 0;
    const someCalls = async () => {
      const before = callsMade();
      await until(() => callsMade() > before + 5);
    };
    try {
      const { key } = await issueFor("greeter", authority);
      secrets.greeter.swap(contentOf({ cert: first.cert, key }, authority.cert));
      await until(() => renewalLines(greeter, "refused").length > 0);
      for (let looks = 0; looks < 3; looks++) {
        writeFileSync(secrets.greeter.pathOf("hint"), "");
        await someCalls();
      }
      expect(renewalLines(greeter, "refused")).toEqual([
        `action=renew_certificate, status=refused: TLS_KEY_FILE=${secrets.greeter.pathOf("tls.key")} is not the key to the ` +
          `certificate in TLS_CERT_FILE=${secrets.greeter.pathOf("tls.crt")}; the last good credentials stay in use`,
      ]);
      expect(served.openAt(ports.greeter).map(({ own }) => own)).toContain(serialOf(first));
      const second = await issueFor("greeter", authority);
      await renewed(greeter, () => secrets.greeter.swap(contentOf(second, authority.cert)));
      await until(() => served.openAt(ports.greeter).every(({ own }) => own === serialOf(second)));
      await until(() => served.openAt(ports.name).some(({ peer }) => peer === serialOf(second)));
    } finally {
      await load.end();
    }
    expect(load.tally.lost).toEqual([]);
    expect(renewalLines(greeter, "refused")).toHaveLength(1);
    expect(greeter.stats().certificateDaysLeft).toBe(29);
  });
});
