import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { BadRequestSchema } from "../../../../gen/google/rpc/error_details_pb.js";
import { GreeterService } from "../../../../gen/greeter/v1/greeter_pb.js";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const files = { "/": "index.html", "/page.js": "page.js", "/page.css": "page.css" } as const;
const types = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
};
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

describe.skipIf(executablePath === undefined)(`greeter's page${executablePath ? "" : " (no Chromium here)"}`, () => {
  let browser: Browser;
  let page: Page;
  let baseUrl: string;
  let complaints: string[];
  /** What a stream waits for before its second greeting. */
  let secondMayCome: Promise<unknown>;

  const rpc = connectNodeAdapter({
    routes: (router) =>
      router.service(
        GreeterService,
        greeter(() => secondMayCome),
      ),
  });
  const server = createServer(async (request, response) => {
    response.setHeader("x-request-id", "test-request-1");
    const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
    const file = Object.entries(files).find(([path]) => path === pathname)?.[1];
    if (file !== undefined) {
      response.setHeader("content-type", types[file.slice(file.indexOf(".") + 1) as keyof typeof types]); // from `files`
      response.setHeader("content-security-policy", contentSecurityPolicy);
      response.end(await readFile(new URL(file, import.meta.url)));
    } else if (pathname === "/api/v1/say-hello") {
      const name = searchParams.get("name") ?? "";
      const problem = { title: "invalid argument", status: 400, code: "invalid_argument", detail: "no name came" };
      response.writeHead(name === "" ? 400 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(name === "" ? problem : `Hello, ${name.toUpperCase()}!`));
    } else {
      rpc(request, response);
    }
  });

  beforeAll(async () => {
    browser = await chromium.launch({
      ...(executablePath && { executablePath }),
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error(`not a TCP address: ${address}`);
    baseUrl = `http://127.0.0.1:${address.port}/`;
  });
  afterAll(async () => {
    await browser?.close();
    server.close();
    server.closeAllConnections();
  });
  beforeEach(async () => {
    secondMayCome = Promise.resolve();
    complaints = [];
    page = await browser.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => complaints.push(message.text()));
    await page.goto(baseUrl);
  });
  afterEach(async () => {
    // Chromium itself logs an answer with an error status, which some of these tests ask for.
    expect(complaints.filter((text) => !text.startsWith("Failed to load resource"))).toEqual([]);
    await page.close();
  });

  const one = () => page.getByRole("region", { name: "Say hello", exact: true });
  const each = () => page.getByRole("region", { name: "Say hello to each" });
  const greetings = () => each().getByRole("listitem").locator("span").allTextContents();

  test("greets by Connect and shows the greeting, the request id, the time and what went over the wire", async () => {
    await page.getByLabel("Name", { exact: true }).fill("Grace");
    await page.keyboard.press("Enter");
    await one().getByRole("status").getByText("Hello, GRACE!").waitFor();
    expect(await one().locator("dl").textContent()).toMatch(/Status200Time[\d.]+ msRequest idtest-request-1/);
    const request = await one().locator(".request").textContent();
    expect(request).toMatch(/^POST \/greeter.v1.GreeterService\/SayHello\nconnect-protocol-version: 1\n/);
    expect(request).toMatch(/\n\n\{"name":"Grace"\}$/);
    const response = await one().locator(".response").textContent();
    expect(response).toMatch(/^200 OK\n(.+\n)*x-request-id: test-request-1\n(.+\n)*\n\{"greeting":"Hello, GRACE!"\}$/);
  });

  test("greets over REST, whatever the name's characters", async () => {
    await page.getByLabel("REST").check();
    await page.getByLabel("Name", { exact: true }).fill("a&b=c #é");
    await one().getByRole("button", { name: "Greet" }).click();
    await one().getByRole("status").getByText("Hello, A&B=C #É!").waitFor();
    expect(await one().locator(".request").textContent()).toContain("GET /api/v1/say-hello?name=a%26b%3Dc+%23%C3%A9");
  });

  test("shows an error with its code, message and fields, and forgets it at the next call", async () => {
    const name = page.getByLabel("Name", { exact: true });
    await name.fill("");
    await page.keyboard.press("Enter");
    const status = one().getByRole("status");
    await status.getByText("invalid_argument").waitFor();
    expect(await status.textContent()).toMatch(/the name is badname: must have 1 to 100 characters/);
    expect(await name.getAttribute("aria-invalid")).toBe("true");
    await name.fill("Ada");
    await page.keyboard.press("Enter");
    await status.getByText("Hello, ADA!").waitFor();
    expect(await status.textContent()).toBe("Hello, ADA!");
    expect(await name.getAttribute("aria-invalid")).toBeNull();
  });

  test("shows a problem of the REST side", async () => {
    await page.getByLabel("REST").check();
    await page.getByLabel("Name", { exact: true }).fill("");
    await page.keyboard.press("Enter");
    await one().getByRole("status").getByText("invalid_argument").waitFor();
    expect(await one().getByRole("status").textContent()).toContain("no name came");
  });

  test("shows names and answers as text, never as markup", async () => {
    const markup = "<img src=x onerror=alert(1)>";
    await page.getByLabel("Name", { exact: true }).fill(markup);
    await page.keyboard.press("Enter");
    await one().getByRole("status").getByText(`Hello, ${markup.toUpperCase()}!`).waitFor();
    await greetEach(markup);
    await each().getByText("1 greeting, then the end.").waitFor();
    expect(await greetings()).toEqual([`Hello, ${markup.toUpperCase()}!`]);
    expect(await page.locator("img").count()).toBe(0);
  });

  test("shows each greeting of a stream as it comes, then its end", async () => {
    const second = Promise.withResolvers<void>();
    secondMayCome = second.promise;
    await greetEach("Ada", "", "Grace");
    await each().getByText("Hello, ADA!", { exact: true }).waitFor();
    expect(await greetings()).toEqual(["Hello, ADA!"]);
    second.resolve();
    await each().getByRole("status").getByText("2 greetings, then the end.").waitFor();
    expect(await greetings()).toEqual(["Hello, ADA!", "Hello, GRACE!"]);
    expect(await each().locator(".request").textContent()).toContain('{"names":["Ada","Grace"]}');
    const response = await each().locator(".response").textContent();
    expect(response).toContain("content-type: application/connect+json");
    expect(response).toMatch(/\[message at [\d.]+ ms\] \{"greeting":"Hello, ADA!"\}\n/);
    expect(response).toMatch(/\[end of stream at [\d.]+ ms\] \{/);
    expect(await each().getByRole("button", { name: "Stop" }).isDisabled()).toBe(true);
  });

  test.each([1, 3, 1_000_000])("reads a stream that comes in pieces of %i bytes", async (pieceBytes) => {
    await page.addInitScript(cutBodies, pieceBytes);
    await page.reload();
    await greetEach("Ada", "Søren 🎉", "Grace");
    await each().getByRole("status").getByText("3 greetings, then the end.").waitFor();
    expect(await greetings()).toEqual(["Hello, ADA!", "Hello, SØREN 🎉!", "Hello, GRACE!"]);
  });

  test("shows a stream's error beneath the greetings that came before it", async () => {
    await greetEach("Ada", "x".repeat(101));
    await each().getByRole("status").getByText("invalid_argument").waitFor();
    expect(await each().getByRole("status").textContent()).toMatch(/names\[1\]: must have 1 to 100 characters/);
    expect(await greetings()).toEqual(["Hello, ADA!"]);
  });

  test("stops a stream when told to", async () => {
    secondMayCome = new Promise(() => undefined);
    await greetEach("Ada", "Grace");
    await each().getByText("Hello, ADA!", { exact: true }).waitFor();
    await each().getByRole("button", { name: "Stop" }).click();
    await each().getByRole("status").getByText("Stopped.").waitFor();
  });

  test("replaces a call under way by the next one", async () => {
    secondMayCome = new Promise(() => undefined);
    await greetEach("Ada", "Grace");
    await each().getByText("Hello, ADA!", { exact: true }).waitFor();
    await greetEach("Barbara");
    await each().getByRole("status").getByText("1 greeting, then the end.").waitFor();
    expect(await greetings()).toEqual(["Hello, BARBARA!"]);
  });

  test("says so when a stream is cut off, and when there is no answer at all", async () => {
    secondMayCome = new Promise(() => undefined);
    await greetEach("Ada", "Grace");
    await each().getByText("Hello, ADA!", { exact: true }).waitFor();
    server.closeAllConnections();
    await each().getByRole("status").getByText("no complete answer").waitFor();
    await page.context().setOffline(true);
    await page.getByLabel("Name", { exact: true }).press("Enter");
    await one().getByRole("status").getByText("no complete answer").waitFor();
    await page.context().setOffline(false);
  });

  async function greetEach(...names: string[]) {
    await page.getByLabel("Names, one a line").fill(names.join("\n"));
    await each().getByRole("button", { name: "Greet each" }).click();
  }
});

function greeter(secondMayCome: () => Promise<unknown>): ServiceImpl<typeof GreeterService> {
  function greet(name: string, field: string) {
    if (name !== "" && name.length <= 100) return { greeting: `Hello, ${name.toUpperCase()}!` };
    const fieldViolations = [{ field, description: "must have 1 to 100 characters" }];
    throw new ConnectError("the name is bad", Code.InvalidArgument, undefined, [
      { desc: BadRequestSchema, value: { fieldViolations } },
    ]);
  }
  return {
    sayHello: ({ name }) => greet(name, "name"),
    async *sayHelloToEach({ names }) {
      for (const [index, name] of names.entries()) {
        if (index === 1) await secondMayCome();
        yield greet(name, `names[${index}]`);
      }
    },
  };
}

/** Runs in the page: has fetch give bodies in pieces of this many bytes, whatever came over the network. */
function cutBodies(pieceBytes: number) {
  const { fetch } = globalThis;
  globalThis.fetch = async (...args) => {
    const response = await fetch(...args);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += pieceBytes) controller.enqueue(bytes.slice(at, at + pieceBytes));
        controller.close();
      },
    });
    return new Response(body, response);
  };
}
