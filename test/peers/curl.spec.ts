import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServiceProcess, startProcess } from "../support/service-process.ts";
import { envelope } from "./messages.ts";
import { findProgram, noteOn, runProgram } from "./programs.ts";

const curl = findProgram("curl");
const MIB = 1024 * 1024;

describe.skipIf(curl === undefined)(`${noteOn("curl", curl)} over HTTP/2`, () => {
  let service: ServiceProcess;
  let url: string;
  beforeAll(async () => {
    service = startProcess("test/peers/main.ts");
    url = await service.url();
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const ask = async (args: readonly string[], input?: string | Uint8Array) => {
    const all = ["--silent", "--show-error", "--http2-prior-knowledge", "--max-time", "20", ...args];
    const ran = await runProgram(curl ?? "", all, input === undefined ? {} : { input });
    expect(ran).toMatchObject({ exit: 0, stderr: "" });
    return ran.stdout;
  };
  /** What curl tells of an answer, after its body. */
  const TOLD = ["--write-out", "\n%{http_code} %{http_version} %{size_download}"];

  test("GET", async () => {
    expect(await ask([`${url}/a?b=%20c`, ...TOLD])).toMatch(/"method":"GET","url":"\/a\?b=%20c".*\n200 2 \d+$/);
  });

  test("HEAD has no body", async () => {
    expect(await ask(["--head", `${url}/a`, ...TOLD])).toMatch(/^HTTP\/2 200 \r\n[\s\S]*\r\n\r\n\n200 2 0$/);
  });

  test("POST of a form", async () => {
    expect(JSON.parse(await ask(["--data", "a=b", `${url}/form`]))).toMatchObject({ method: "POST", bytes: 3 });
  });

  test.each([
    ["as it comes", []],
    ["after 100 Continue", ["--header", "expect: 100-continue"]],
    ["whose length is not told", ["--header", "content-length:"]],
  ])("an upload of 10 MiB, %s", async (_how, args) => {
    const body = Buffer.alloc(10 * MIB, "0123456789");
    const answer = await ask([...args, "--upload-file", "-", `${url}/upload`], body);
    const sha256 = createHash("sha256").update(body).digest("hex");
    expect(JSON.parse(answer)).toEqual({ method: "PUT", url: "/upload", bytes: body.length, sha256 });
  });

  test("is told to continue by 100, if it waits for that", async () => {
    const args = ["--header", "expect: 100-continue", "--expect100-timeout", "15", "--dump-header", "-"];
    const answer = await ask([...args, "--data", "a=b", `${url}/form`]);
    expect(answer).toMatch(/^HTTP\/2 100 \r\n/);
    expect(answer).toContain("HTTP/2 200");
  });

  test("a download of 10 MiB", async () => {
    const answer = await ask([`${url}/download?bytes=${10 * MIB}`, ...TOLD]);
    expect(answer.slice(10 * MIB)).toBe(`\n200 2 ${10 * MIB}`);
  });

  test("a download that it breaks off, and another after it", async () => {
    const long = ["--max-time", "0.5", "--output", "/dev/null", `${url}/download?bytes=${1e15}`];
    const ran = await runProgram(curl ?? "", ["--silent", "--http2-prior-knowledge", ...long]);
    expect(ran.exit).toBe(28); // the time is over
    expect(await ask([`${url}/download?bytes=10`])).toBe("xxxxxxxxxx");
  });

  test("a gRPC call, with its trailers", async () => {
    const fields = ["content-type: application/grpc", "te: trailers", "x-of-the-caller: curl"];
    const headers = fields.flatMap((field) => ["--header", field]);
    const path = "/name.v1.NameService/ProcessName";
    const answer = await ask(["--dump-header", "-", ...headers, "--data-binary", "@-", url + path], envelope("ada"));
    expect(answer).toMatch(/^HTTP\/2 200 \r\n/);
    expect(answer).toContain("x-answer-header: curl\r\n");
    expect(answer).toContain("\x0a\x03ADA");
    expect(answer).toMatch(/grpc-status: 0\r\n/);
    expect(answer).toMatch(/x-answer-trailer-bin: AAEC\/w(==)?\r\n/);
  });
});
