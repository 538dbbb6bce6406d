import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import * as https from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { createChannel, createClient, withDomainTypes } from "portico/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HistoryService } from "../gen/name/v1/history_domain.js";
import { NameService } from "../gen/name/v1/name_pb.js";
import { baseImage, type Engine, findEngine } from "./packaging/engine.ts";
import { answers, poll, run } from "./packaging/process.ts";
import { wires } from "./packaging/wires.ts";

const repository = join(import.meta.dirname, "..");
const project = `portico-test-${process.pid}`;
const choice = await findEngine(repository);

const title =
  choice.kind === "available" ? `the containers, in ${choice.title}` : `the containers (skipped: ${choice.reason})`;

describe.skipIf(choice.kind === "missing")(title, { timeout: 90_000 }, () => {
  let engine: Engine;

  beforeAll(async () => {
    if (choice.kind === "missing") return;
    engine = await choice.start();
    await compose("--profile", "tls", "build", "--build-arg", `NODE_IMAGE=${await baseImage(repository)}`);
    await compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "120", "--scale", "name=3");
  }, 600_000);

  afterAll(async () => {
    if (engine === undefined) return;
    try {
      await takeDown();
    } finally {
      await engine[Symbol.asyncDispose]();
    }
  }, 120_000);

  async function docker(...args: readonly string[]): Promise<string> {
    const env = { ...engine.env, GREETER_PORT: "0", GREETER_TLS_PORT: "0" }; // any free port of the host
    return (await run(["docker", ...args], { cwd: repository, env, deadlineMs: 400_000 })).trim();
  }

  const compose = (...args: readonly string[]) => docker("compose", "--project-name", project, ...args);
  const takeDown = () => compose("--profile", "tls", "down", "--rmi", "local", "--volumes", "--remove-orphans");

  async function greeterUrl(): Promise<string> {
    const address = await compose("port", "greeter", "8081");
    return `http://127.0.0.1:${address.split(":").at(-1)}`;
  }

  /** One more container of a compose service, with a port on loopback of its own. */
  async function startOne(service: string, port: number, { path = "/readyz" } = {}) {
    const id = await compose("run", "--detach", "--no-deps", "--publish", `127.0.0.1::${port}`, service);
    const url = `http://${await docker("port", id, `${port}/tcp`)}`;
    await poll(() => answers(`${url}${path}`), 30_000);
    return {
      id,
      url,
      exitCode: () => docker("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", id),
      [Symbol.asyncDispose]: async () => void (await docker("rm", "--force", id)),
    };
  }

  async function greet(name: string): Promise<unknown> {
    const response = await fetch(`${await greeterUrl()}/api/v1/say-hello?name=${encodeURIComponent(name)}`);
    return await response.json();
  }

  test("starts a greeter behind three names and a MongoDB, all of them healthy", async () => {
    const states = await compose("ps", "--format", "{{.Service}} {{.Health}}");
    expect(states.split("\n").sort()).toEqual(["greeter healthy", "mongo healthy", ...Array(3).fill("name healthy")]);
  });

  test("publishes greeter alone", async () => {
    expect(await compose("ps", "--format", "{{.Service}}", "--filter", "status=running", "greeter")).toBe("greeter");
    const ids = (await compose("ps", "--quiet", "name")).split("\n");
    expect(ids).toHaveLength(3);
    ids.push(await compose("ps", "--quiet", "mongo"));
    for (const id of ids) expect(await docker("port", id)).toBe("");
  });

  test("greets over REST through the published port", async () => {
    expect(await greet("test")).toBe("Hello, TEST!");
  });

  for (const wire of wires) {
    test(`greets over ${wire.name} through the published port`, async () => {
      using caller = wire.open(await greeterUrl());
      await expect(caller.sayHello("test")).resolves.toBe("Hello, TEST!");
      await expect(caller.sayHelloToEach(["ada", "grace"])).resolves.toEqual(["Hello, ADA!", "Hello, GRACE!"]);
      await expect(caller.isServing("")).resolves.toBe(true);
    });
  }

  test("spreads greeter's calls over all three names", async () => {
    const url = await greeterUrl();
    for (let call = 0; call < 60; call++) await fetch(`${url}/api/v1/say-hello?name=test`);
    for (const id of (await compose("ps", "--quiet", "name")).split("\n")) {
      expect(await docker("logs", id)).toContain("action=process_name, status=success");
    }
  });

  test("runs node itself as process 1, not as root, without capabilities, on a file system that it cannot write", async () => {
    const status = await compose("exec", "-T", "greeter", "cat", "/proc/1/status");
    expect(await compose("exec", "-T", "greeter", "cat", "/proc/1/cmdline")).toMatch(/^node\0/);
    expect(status).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m);
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    const write = compose("exec", "-T", "greeter", "touch", "/app/dist/new");
    await expect(write).rejects.toThrow(/Read-only file system/);
  });

  test("holds production packages alone", async () => {
    const paths = ["typescript", "vitest", "@bufbuild/buf", "@biomejs", "node"].map((each) => `node_modules/${each}`);
    const listed = await compose(
      "exec",
      "-T",
      "greeter",
      "sh",
      "-c",
      `ls -d ${paths.join(" ")} node_modules/koa || true`,
    );
    expect(listed).toBe("node_modules/koa");
  });

  test("logs nothing but JSON lines", async () => {
    for (const id of (await compose("ps", "--quiet", "name", "greeter")).split("\n")) {
      const lines = (await docker("logs", id)).split("\n");
      for (const line of lines) expect(JSON.parse(line)).toMatchObject({ message: expect.any(String) });
    }
  });

  test("answers the unary call under way when greeter is stopped, and ends with 0", async () => {
    await using greeter = await startOne("greeter", 8081);
    // The server says `100 Continue` once it has the call's head: from then on the call is under way.
    const call = request(`${greeter.url}/greeter.v1.GreeterService/SayHello`, {
      method: "POST",
      headers: { "content-type": "application/json", expect: "100-continue" },
    });
    const answer = new Promise<string>((resolve, reject) => {
      call.once("error", reject);
      call.once("response", (response) => {
        response
          .setEncoding("utf8")
          .toArray()
          .then((chunks) => resolve(chunks.join("")), reject);
      });
    });
    const continued = new Promise<void>((resolve) => void call.once("continue", resolve));
    call.flushHeaders();
    await Promise.race([continued, answer]);
    const stopped = docker("stop", "--time", "20", greeter.id);
    await poll(async () => !(await answers(`${greeter.url}/readyz`)), 30_000);
    call.end(JSON.stringify({ name: "test" }));
    expect(JSON.parse(await answer)).toEqual({ greeting: "Hello, TEST!" });
    await stopped;
    expect(await greeter.exitCode()).toBe("exited 0");
  });

  test("carries the stream under way to its end when name is stopped, and ends with 0", async () => {
    await using name = await startOne("name", 50051);
    const sessionManager = new Http2SessionManager(name.url);
    const client = createClient(NameService, createGrpcTransport({ baseUrl: name.url, sessionManager }));
    const rest = Promise.withResolvers<void>();
    async function* names() {
      yield { name: "before" };
      await rest.promise;
      yield { name: "after" };
    }
    const answered = client.processNames(names(), { timeoutMs: 30_000 })[Symbol.asyncIterator]();
    expect(await answered.next()).toMatchObject({ value: { name: "BEFORE" } });
    const stopped = docker("stop", "--time", "20", name.id);
    await poll(async () => !(await answers(`${name.url}/readyz`)), 30_000);
    rest.resolve();
    expect(await answered.next()).toMatchObject({ value: { name: "AFTER" } });
    expect(await answered.next()).toMatchObject({ done: true });
    await stopped;
    expect(await name.exitCode()).toBe("exited 0");
    sessionManager.abort();
  });

  test("keeps what the names have processed in MongoDB, through restarts of all of them", async () => {
    await greet("kept");
    await compose("restart", "name");
    await compose("restart", "mongo");
    await using reader = await startOne("name", 50051);
    expect(await history(reader.url)).toContain("kept");
  });

  test("answers while MongoDB is down, says so, and makes up for it later", async () => {
    await using name = await startOne("name", 50051);
    await compose("stop", "mongo");
    const failing = { status: "failing", failing: ["store"] };
    await poll(async () => (await fetch(`${name.url}/readyz`)).status === 503, 30_000);
    expect(await (await fetch(`${name.url}/readyz`)).json()).toEqual(failing);
    await using late = await startOne("name", 50051, { path: "/healthz" });
    expect(await (await fetch(`${late.url}/readyz`)).json()).toEqual(failing);
    await using channel = createChannel(late.url);
    const { name: answered } = await createClient(NameService, channel).processName({ name: "meanwhile" });
    expect(answered).toBe("MEANWHILE");
    expect(await greet("test")).toBe("Hello, TEST!");
    await compose("start", "mongo");
    await poll(() => answers(`${late.url}/readyz`), 30_000);
    await poll(async () => (await history(late.url)).includes("meanwhile"), 30_000);
  });

  test("leaves no volume of MongoDB's without a name", async () => {
    const id = await compose("ps", "--quiet", "mongo");
    const mounts = await docker("inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", id);
    expect(mounts).toBe(`${project}_history`);
  });

  describe("of the TLS profile", () => {
    let ca: string;
    let url: string;
    beforeAll(async () => {
      const services = ["certs", "name-tls", "greeter-tls"];
      await compose("--profile", "tls", "up", "--detach", "--no-build", "--wait", "--wait-timeout", "120", ...services);
      ca = await compose("exec", "-T", "greeter-tls", "cat", "/certs/ca.crt");
      const address = await compose("port", "greeter-tls", "8081");
      url = `https://localhost:${address.split(":").at(-1)}`;
    }, 300_000);

    test("are healthy, with certificates that nobody else in them may read", async () => {
      const states = await compose("ps", "--format", "{{.Service}} {{.Health}}", "name-tls", "greeter-tls");
      expect(states.split("\n").sort()).toEqual(["greeter-tls healthy", "name-tls healthy"]);
      const files = ["ca.key", "name.crt", "name.key", "greeter.key"].map((file) => `/certs/${file}`);
      const modes = await compose("exec", "-T", "greeter-tls", "stat", "--format", "%a %u", ...files);
      expect(modes.split("\n")).toEqual(files.map(() => "600 1000"));
    });

    test("greet over TLS through the published port, and name knows that it is greeter who asks", async () => {
      const asked = https.get(`${url}/api/v1/say-hello?name=test`, { ca, agent: false });
      const [response] = (await once(asked, "response")) as [IncomingMessage]; // of a GET
      expect(JSON.parse(await text(response))).toBe("Hello, TEST!");
      const lines = (await compose("logs", "--no-log-prefix", "name-tls")).split("\n");
      expect(lines.find((line) => line.includes('"POST /name.v1.NameService/ProcessName'))).toContain(
        '"peer_identity":"spiffe://portico.test/greeter"',
      );
    });

    test("keep their certificates as long as they are good", async () => {
      expect(await compose("run", "--rm", "certs")).toMatch(/^Nothing is due: the certificates in certs hold until /);
      expect(await compose("exec", "-T", "greeter-tls", "cat", "/certs/ca.crt")).toBe(ca);
    });
  });

  test("leaves nothing behind when it is taken down", async () => {
    await takeDown();
    const mine = ["--quiet", "--filter", `label=com.docker.compose.project=${project}`];
    expect(await docker("ps", "--all", ...mine)).toBe("");
    expect(await docker("network", "ls", ...mine)).toBe("");
    expect(await docker("volume", "ls", ...mine)).toBe("");
    expect(await docker("image", "ls", "--quiet", `${project}-*`)).toBe("");
  });
});

/** The names that a `name` has in its history. */
async function history(url: string): Promise<readonly string[]> {
  await using channel = createChannel(url);
  const pages = createClient(withDomainTypes(HistoryService), channel).listEntries({ pageSize: 1_000 });
  const names: string[] = [];
  for await (const { entries } of pages) names.push(...entries.map(({ name }) => name));
  return names;
}
