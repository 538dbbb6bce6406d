import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fencesIn } from "../readme/fences.ts";
import { chromiumNote, chromiumPath, launchChromium } from "./chromium.ts";
import type { Greet } from "./page.ts";
import { bundlePage, openSite, type Site } from "./site.ts";
import { startTwoServices, type TwoServices } from "./two-services.ts";

const REBOUND = "evil.test";
const readme = await readFile(join(import.meta.dirname, "../../README.md"), "utf8");

describe.skipIf(chromiumPath === undefined)(`a real browser${chromiumNote}`, () => {
  let browser: Browser;
  let development: TwoServices;
  let production: TwoServices;
  let site: Site;
  let stranger: Site;

  beforeAll(async () => {
    const script = await bundlePage();
    [site, stranger] = [await openSite(script), await openSite(script)];
    development = await startTwoServices({ NODE_ENV: "development" });
    production = await startTwoServices({ NODE_ENV: "production", CORS_ORIGINS: site.origin });
    browser = await launchChromium(`--host-resolver-rules=MAP ${REBOUND} 127.0.0.1`);
  });
  afterAll(async () => {
    await browser?.close();
    for (const each of [development, production, site, stranger]) await each?.[Symbol.asyncDispose]();
  });

  async function open(url: string): Promise<{ readonly page: Page; readonly complaints: string[] } & AsyncDisposable> {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => complaints.push(message.text()));
    await page.goto(url);
    return { page, complaints, [Symbol.asyncDispose]: () => page.close() };
  }

  function greet(page: Page, ...args: Parameters<Greet>): ReturnType<Greet> {
    // page.ts has put it there.
    return page.evaluate((args) => (globalThis as unknown as { greet: Greet }).greet(...args), args);
  }

  for (const [mode, services] of [
    ["development", () => development],
    ["production, where CORS_ORIGINS has its origin", () => production],
  ] as const) {
    describe(`on a page of another origin, in ${mode}`, () => {
      for (const [protocol, useHttpGet] of [
        ["connect", false],
        ["connect", true],
        ["grpc-web", false],
      ] as const) {
        test(`greets by connect-web over ${protocol}${useHttpGet ? " by GET" : ""}, and reads the request id`, async () => {
          await using opened = await open(site.origin);
          const { greeting, greetings, requestIds, failure } = await greet(
            opened.page,
            protocol,
            services().url,
            useHttpGet,
          );
          expect(greeting).toBe("Hello, BROWSER!");
          expect(greetings).toEqual(["Hello, ADA!", "Hello, GRACE!"]);
          expect(requestIds).toEqual(["page-1", expect.stringMatching(/^[\da-f-]{36}$/)]);
          expect(failure).toBe("[invalid_argument] name must not be empty or only white space");
        });
      }

      test("greets by plain fetch, as the README shows", async () => {
        const shown = fencesIn(readme).find(({ argument }) => argument === "snippets/fetch.js");
        if (shown === undefined) throw new Error("the README shows no fetch");
        const { host } = new URL(services().url);
        await using opened = await open(site.origin);
        await opened.page.evaluate(`(async () => {${shown.text.replaceAll("localhost:8081", host)}})()`);
        expect(opened.complaints).toEqual([shown.output]);
      });
    });
  }

  test("refuses a page of an origin that is not allowed, in one warning that says how to allow it", async () => {
    await using opened = await open(stranger.origin);
    const fetching = () =>
      opened.page.evaluate(
        (url) => fetch(url).then(String, String),
        `${production.url}/api/v1/say-hello?name=stranger`,
      );
    expect(await fetching()).toBe("TypeError: Failed to fetch");
    expect(await fetching()).toBe("TypeError: Failed to fetch");
    await expect(greet(opened.page, "connect", production.url, false)).rejects.toThrow("Failed to fetch");
    const warnings = production.greeter
      .output()
      .split("\n")
      .filter((line) => line.includes('"levelname":"WARN"'));
    expect(warnings).toHaveLength(1);
    expect(JSON.parse(warnings[0] ?? "")).toMatchObject({
      message: expect.stringContaining(`CORS_ORIGINS=${stranger.origin}`),
    });
  });

  describe("on greeter's own page, in development", () => {
    test("greets by both methods, without a complaint of the browser", async () => {
      await using opened = await open(`${development.url}/`);
      const { page, complaints } = opened;
      const one = page.getByRole("region", { name: "Say hello", exact: true });
      const each = page.getByRole("region", { name: "Say hello to each" });
      await page.getByLabel("Name", { exact: true }).fill("Grace");
      await one.getByRole("button", { name: "Greet" }).click();
      await one.getByRole("status").getByText("Hello, GRACE!").waitFor();
      await page.getByLabel("REST").check();
      await page.getByLabel("Name", { exact: true }).fill("Ada");
      await one.getByRole("button", { name: "Greet" }).click();
      await one.getByRole("status").getByText("Hello, ADA!").waitFor();
      await each.getByRole("button", { name: "Greet each" }).click();
      await each.getByRole("status").getByText("4 greetings, then the end.").waitFor();
      expect(await each.getByRole("listitem").locator("span").allTextContents()).toEqual([
        "Hello, ADA!",
        "Hello, GRACE!",
        "Hello, EDSGER!",
        "Hello, BARBARA!",
      ]);
      expect(complaints).toEqual([]);
    });

    test("explains a bad name by its field", async () => {
      await using opened = await open(`${development.url}/`);
      const { page } = opened;
      const one = page.getByRole("region", { name: "Say hello", exact: true });
      await page.getByLabel("Name", { exact: true }).fill("");
      await one.getByRole("button", { name: "Greet" }).click();
      await one.getByRole("status").getByText("invalid_argument").waitFor();
      expect(await page.getByLabel("Name", { exact: true }).getAttribute("aria-invalid")).toBe("true");
    });
  });

  test("finds no page in production", async () => {
    const response = await fetch(`${production.url}/`);
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ code: "not_found", status: 404 });
  });

  test("may not call in development under a stranger's name that leads to this machine", async () => {
    // Without a route of the test's own: Chromium itself keeps pages from elsewhere from calling this machine.
    await using opened = await open(development.url.replace("localhost", REBOUND));
    const answer = await opened.page.evaluate(async () => {
      const headers = { "content-type": "application/json" };
      const response = await fetch("/greeter.v1.GreeterService/SayHello", { method: "POST", headers, body: "{}" });
      const read = await fetch("/api/v1/say-hello?name=victim"); // has neither Origin nor Sec-Fetch-Site
      return { status: response.status, readStatus: read.status, problem: await response.json() };
    });
    expect(answer).toMatchObject({ status: 403, readStatus: 403 });
    expect(answer.problem).toMatchObject({ message: expect.stringContaining(`ALLOWED_HOSTS=${REBOUND}`) });
  });
});
