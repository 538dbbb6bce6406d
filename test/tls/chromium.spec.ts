import { createHash, X509Certificate } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumNote, chromiumPath, launchChromium } from "../browser/chromium.ts";
import { until } from "../support/until.ts";
import { makeKinds } from "./kinds.ts";
import { complaints, startInCleartext, startSecured } from "./secured.ts";

// A browser that trusts one certificate by its key and nobody else, and that has no certificate itself.

const { authority, servers } = await makeKinds();

describe.skipIf(chromiumPath === undefined)(`Chromium${chromiumNote}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(`--ignore-certificate-errors-spki-list=${keyHash(servers.right.cert)}`);
  });
  afterAll(() => browser?.close());

  /** What it shows of an address: the status and the text of the page, or the error. */
  async function visit(url: string): Promise<string> {
    const page = await browser.newPage();
    try {
      const answer = await again(page, () => page.goto(url));
      return `${answer?.status()} ${await page.innerText("body")}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      await page.close();
    }
  }

  test("has the page and RPCs of a service whose certificate it trusts", async () => {
    await using app = await startSecured({ pair: servers.right });
    await using page = await openPage(browser, `${app.url}/whoami`);
    expect(await page.innerText("body")).toBe("nobody");
    expect(await callFrom(page)).toEqual({ status: 200, answer: { name: "ADA" } });
    expect(complaints(app)).toEqual([]);
  });

  test.each(["of another authority", "by way of an intermediate", "for another name"] as const)(
    "does not go to a service whose certificate, %s, it does not trust",
    async (kind) => {
      await using app = await startSecured({ pair: servers[kind] });
      expect(await visit(`${app.url}/whoami`)).toMatch(/^page\.goto: net::ERR_CERT_AUTHORITY_INVALID /);
      await until(() => complaints(app).length > 0);
      expect(complaints(app)).toEqual([
        "a connection came to nothing: the peer does not accept our certificate (ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN)",
      ]);
    },
  );

  test("is told what it lacks by a service that requires client certificates, and gets its probes", async () => {
    await using app = await startSecured({ pair: servers.right, clientCa: authority.cert });
    expect(await visit(`${app.url}/whoami`)).toMatch(/^401 \{.*"detail":"a client certificate is needed"/);
    await using page = await openPage(browser, `${app.url}/healthz`);
    expect(await page.innerText("body")).toBe('{"status":"alive"}');
    expect(await callFrom(page)).toEqual({
      status: 401,
      answer: { code: "unauthenticated", message: "a client certificate is needed" },
    });
  });

  test("is served by one that only asks for them", async () => {
    await using app = await startSecured({ pair: servers.right, clientCa: authority.cert, clientAuth: "request" });
    expect(await visit(`${app.url}/whoami`)).toBe("200 nobody");
  });

  test("shows the words of a TLS port that it calls in cleartext", async () => {
    await using app = await startSecured({ pair: servers.right });
    expect(await visit(app.url.replace("https:", "http:"))).toMatch(/^503 .*this port speaks TLS: call it by https/);
    expect(complaints(app)).toEqual(["a connection came to nothing: the peer speaks cleartext, and this port TLS"]);
  });

  test("shows an error of its own for a cleartext port that it calls by TLS", async () => {
    await using app = await startInCleartext();
    expect(await visit(app.url.replace("http:", "https:"))).toMatch(/^page\.goto: net::ERR_SSL_PROTOCOL_ERROR /);
    expect(complaints(app)).toEqual(["a connection came to nothing: the peer speaks TLS, and this port cleartext"]);
  });
});

async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage();
  await again(page, () => page.goto(url));
  return page;
}

/** Where containers come and go beside us, Chromium gives up what is under way: once more then. */
async function again<T>(page: Page, work: () => Promise<T>): Promise<T> {
  const failures: (string | undefined)[] = [];
  page.on("requestfailed", (request) => failures.push(request.failure()?.errorText));
  try {
    return await work();
  } catch (error) {
    if (!failures.includes("net::ERR_NETWORK_CHANGED")) throw error;
    return await work();
  }
}

/** What comes of a Connect call by the page's own fetch. */
function callFrom(page: Page): Promise<{ readonly status: number; readonly answer: unknown }> {
  return again(page, () =>
    page.evaluate(async () => {
      const headers = { "content-type": "application/json" };
      const call = { method: "POST", headers, body: '{"name":"ada"}' };
      const response = await fetch("/name.v1.NameService/ProcessName", call);
      return { status: response.status, answer: await response.json() };
    }),
  );
}

/** SHA-256 of the certificate's public key (SubjectPublicKeyInfo), in base64. */
function keyHash(cert: string): string {
  const key = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
}
