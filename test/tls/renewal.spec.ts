import { writeFileSync } from "node:fs";
import { tlsFiles } from "portico/client";
import { describe, expect, test } from "vitest";
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
import { watchRetries } from "./watched-retries.ts";

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

interface Round {
  readonly holders: readonly Holder[];
  readonly write: (secret: MountedSecret, content: Content) => void;
}

/** Whose certificates are renewed one after the other, and how. */
const ROUNDS: readonly Round[] = [
  { holders: HOLDERS, write: (secret, content) => secret.swap(content) },
  { holders: HOLDERS, write: (secret, content) => secret.overwrite(content) },
  { holders: HOLDERS, write: (secret, content) => secret.replace(content) },
  // No service has its peers leave: the channels do it by themselves.
  { holders: ["client"], write: (secret, content) => secret.swap(content) },
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
    const serials: Record<Holder, string> = { name: "", greeter: "", client: "" };

    /** Waits until whoever it is about uses what `write` writes. */
    async function inUse(holders: readonly Holder[], write: () => void): Promise<void> {
      const clientRenewed = Promise.withResolvers<void>();
      const forget = clientTls.onRenewal(clientRenewed.resolve);
      const waiting = holders.map((holder) =>
        holder === "client" ? clientRenewed.promise : renewed(apps[holder], () => undefined),
      );
      write();
      await Promise.all(waiting);
      forget();
    }

    try {
      await progress();
      for (const { holders, write } of ROUNDS) {
        const contents = new Map<Holder, Content>();
        for (const holder of holders) {
          const pair = await issueFor(holder, authority);
          serials[holder] = serialOf(pair);
          contents.set(holder, contentOf(pair, authority.cert));
        }
        await inUse(holders, () => {
          for (const [holder, content] of contents) write(secrets[holder], content);
        });
        const peers = {
          name: [serials.greeter, serials.client, serialOf(fixed)],
          greeter: [serials.client, serialOf(fixed)],
        };
        for (const holder of ["name", "greeter"] as const) {
          const areRenewed = () =>
            served
              .openAt(ports[holder])
              .every(({ own, peer }) => own === serials[holder] && peers[holder].includes(peer));
          await until(areRenewed, AGE_MS + 8000);
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
      expect(renewalLines(app, "success")).toHaveLength(ROUNDS.filter(({ holders }) => holders === HOLDERS).length);
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
