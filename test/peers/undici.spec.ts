import { createHash } from "node:crypto";
import { H2CClient } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServiceProcess, startProcess } from "../support/service-process.ts";

const MIB = 1024 * 1024;

describe("undici over HTTP/2 in cleartext", () => {
  let service: ServiceProcess;
  let client: H2CClient;
  beforeAll(async () => {
    service = startProcess("test/peers/main.ts");
    client = new H2CClient(await service.url());
  });
  afterAll(async () => {
    await client.destroy();
    await service[Symbol.asyncDispose]();
  });

  test.each(["GET", "DELETE", "OPTIONS"] as const)("%s", async (method) => {
    const { statusCode, body } = await client.request({ method, path: "/a?b=c" });
    expect(statusCode).toBe(200);
    expect(await body.json()).toMatchObject({ method, url: "/a?b=c", bytes: 0 });
  });

  test("HEAD has no body", async () => {
    const { statusCode, headers, body } = await client.request({ method: "HEAD", path: "/a" });
    expect(statusCode).toBe(200);
    expect(Number(headers["content-length"])).toBeGreaterThan(0);
    expect(await body.text()).toBe("");
  });

  test("an upload and a download of 10 MiB", async () => {
    const upload = Buffer.alloc(10 * MIB, "0123456789");
    const answer = await client.request({ method: "PUT", path: "/upload", body: upload });
    const sha256 = createHash("sha256").update(upload).digest("hex");
    expect(await answer.body.json()).toMatchObject({ bytes: upload.length, sha256 });
    const { body } = await client.request({ method: "GET", path: `/download?bytes=${10 * MIB}` });
    expect((await body.arrayBuffer()).byteLength).toBe(10 * MIB);
  });

  test("500 requests, as many at a time as it likes", async () => {
    const paths = Array.from({ length: 500 }, (_, at) => `/${at}`);
    const urls = await Promise.all(
      paths.map(async (path) => {
        const { body } = await client.request({ method: "GET", path });
        return (await body.json()) as { readonly url: string }; // as the service answers
      }),
    );
    expect(urls.map(({ url }) => url)).toEqual(paths);
  });

  test("a request that it aborts harms no other", async () => {
    const leaving = new AbortController();
    const { body } = await client.request({ method: "GET", path: `/download?bytes=${1e15}`, signal: leaving.signal });
    leaving.abort();
    await expect(body.text()).rejects.toThrow();
    expect((await client.request({ method: "GET", path: "/after" })).statusCode).toBe(200);
  });

  test("Connect over JSON", async () => {
    const { statusCode, headers, body } = await client.request({
      method: "POST",
      path: "/name.v1.NameService/ProcessName",
      headers: { "content-type": "application/json", "x-of-the-caller": "undici" },
      body: JSON.stringify({ name: "ada" }),
    });
    expect(statusCode).toBe(200);
    expect(headers["x-answer-header"]).toBe("undici");
    expect(await body.json()).toEqual({ name: "ADA" });
  });
});
