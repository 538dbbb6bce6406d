import { defineService } from "portico";
import { startTest, type TestApp } from "portico/testing";
import { describe, expect, test } from "vitest";
import { rawSocket } from "../support/raw-socket.ts";

const service = defineService({ name: "guarded", http: () => (_request, response) => void response.end("rest") });
const open = (config: Readonly<Record<string, string>>) => startTest(service, { config });

describe("browsers in development", () => {
  const get = async (app: TestApp, fields: readonly string[]) => {
    using peer = await rawSocket(app.url);
    await peer.send(`GET /rest HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`);
    return await peer.answer();
  };

  test.for([
    ["a page of a stranger's name", ["host: evil.example:1", "origin: http://evil.example:1"], 403],
    ["a fetch to a stranger's name", ["host: evil.example:1", "sec-fetch-site: same-origin"], 403],
    ["a look-alike", ["host: localhost.evil.example", "sec-fetch-site: none"], 403],
    ["no browser", ["host: evil.example:1"], 200],
    ["localhost", ["host: localhost:1", "sec-fetch-site: none"], 200],
    ["LOCALHOST", ["host: LOCALHOST:1", "sec-fetch-site: none"], 200],
    ["127.0.0.1", ["host: 127.0.0.1:1", "sec-fetch-site: none"], 200],
    ["[::1]", ["host: [::1]:1", "origin: http://[::1]:1"], 200],
    ["a host that is allowed", ["host: dev.example:1", "origin: http://dev.example:1"], 200],
  ] as const)("%s", async ([, fields, status]) => {
    await using app = await open({ NODE_ENV: "development", ALLOWED_HOSTS: "dev.example" });
    const answer = await get(app, fields);
    expect(answer.status).toBe(status);
    if (status === 403) {
      expect(JSON.parse(answer.body)).toMatchObject({ code: "permission_denied" });
      expect(answer.body).toMatch(/ALLOWED_HOSTS=(?:localhost\.)?evil\.example/);
    }
  });

  test("only: elsewhere the name is the proxy's affair", async () => {
    await using app = await open({ NODE_ENV: "production" });
    expect((await get(app, ["host: a.example", "origin: http://a.example"])).status).toBe(200);
  });
});
