import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { selfSigned } from "../tools/certificates/authority.ts";
import { type Image, layOutImage } from "./packaging/image.ts";
import { answers, bareEnvironment, freePort, type Running, run, start } from "./packaging/process.ts";
import { wires } from "./packaging/wires.ts";

const repository = join(import.meta.dirname, "..");

/** To develop they are there anyway; the image's services need them. */
const STORES_PACKAGES = ["bson", "mongodb"];

interface Served {
  readonly process: Running;
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The image's own files, built, installed and started as its Dockerfile says, on a machine without Docker. */
describe("what the image holds", { timeout: 60_000 }, () => {
  let folder: string;
  let image: Image;
  let name: Served;
  let greeter: Served;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "portico-image-"));
    image = await layOutImage(repository, folder);
    name = await serve(["node", "dist/services/name/main.js"], {});
    greeter = await serve(image.command, { NAME_URL: name.url });
  }, 300_000);

  afterAll(async () => {
    await greeter?.process[Symbol.asyncDispose]();
    await name?.process[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function serve(command: readonly string[], settings: Readonly<Record<string, string>>): Promise<Served> {
    const port = await freePort();
    const env = { ...bareEnvironment(), ...image.env, PORT: String(port), ...settings };
    const url = `http://localhost:${port}`;
    const process = start(onThisNode(command), { cwd: image.workdir, env });
    await process.until(() => answers(`${url}/readyz`));
    return { process, url, env };
  }

  test("needs no package that only development needs", async () => {
    // Its shape is the repository's own package.json.
    const manifest = JSON.parse(await readFile(join(repository, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
      devDependencies: Record<string, string>;
    };
    const installed = await packagesIn(join(image.workdir, "node_modules"));
    expect(installed).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
    expect(installed.filter((each) => each in manifest.devDependencies).sort()).toEqual(STORES_PACKAGES);
  });

  test("has every package in the version of package-lock.json", async () => {
    const locked = await lockedVersions(join(repository, "package-lock.json"));
    const installed = await lockedVersions(join(image.workdir, "node_modules/.package-lock.json"));
    expect(installed.size).toBeGreaterThan(50);
    expect([...installed].filter(([path, version]) => locked.get(path) !== version)).toEqual([]);
  });

  test("holds no sources, tests or tools", async () => {
    expect((await readdir(image.workdir)).sort()).toEqual(["dist", "gen", "node_modules", "package.json"]);
    const files = await readdir(join(image.workdir, "dist"), { recursive: true });
    expect(files.filter((file) => file.includes(".spec."))).toEqual([]);
  });

  test("runs as somebody else than root, by number, in production", () => {
    expect(image.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(image.env).toEqual({ NODE_ENV: "production" });
  });

  test("greets over REST, with its own command", async () => {
    const response = await fetch(`${greeter.url}/api/v1/say-hello?name=test`);
    expect(response.status).toBe(200);
    expect(await response.json()).toBe("Hello, TEST!");
  });

  for (const wire of wires) {
    test(`answers ${wire.name}`, async () => {
      using caller = wire.open(greeter.url);
      await expect(caller.sayHello("test")).resolves.toBe("Hello, TEST!");
      await expect(caller.sayHelloToEach(["ada", "grace"])).resolves.toEqual(["Hello, ADA!", "Hello, GRACE!"]);
      await expect(caller.isServing("greeter.v1.GreeterService")).resolves.toBe(true);
    });
  }

  for (const wire of wires.filter(({ bidirectional }) => bidirectional)) {
    test(`streams both ways over ${wire.name}`, async () => {
      using caller = wire.open(name.url);
      await expect(caller.processNames(["ada", "grace", "test"])).resolves.toEqual(["ADA", "GRACE", "TEST"]);
    });
  }

  test("logs nothing but JSON lines", () => {
    const lines = greeter.process.output().trim().split("\n");
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ levelname: expect.any(String) });
  });

  test("says by its own health check how it is over TLS, whatever its certificate holds for", async () => {
    const { cert, key } = await selfSigned({ commonName: "elsewhere", dnsNames: ["elsewhere.example"] });
    const files = { TLS_CERT_FILE: join(folder, "tls.crt"), TLS_KEY_FILE: join(folder, "tls.key") };
    await writeFile(files.TLS_CERT_FILE, cert);
    await writeFile(files.TLS_KEY_FILE, key);
    const env = { ...bareEnvironment(), ...image.env, ...files, PORT: String(await freePort()) };
    const check = () => run(onThisNode(image.healthcheck), { cwd: image.workdir, env });
    await expect(check()).rejects.toThrow("ended with 1");
    await using served = start(onThisNode(["node", "dist/services/name/main.js"]), { cwd: image.workdir, env });
    await served.until(async () => served.output().includes("action=start, status=success"));
    await expect(check()).resolves.toBe("");
  });

  test("says by its own health check how it is, and ends with 0 on SIGTERM", async () => {
    for (const { env, process } of [greeter, name]) {
      const check = () => run(onThisNode(image.healthcheck), { cwd: image.workdir, env });
      await expect(check()).resolves.toBe("");
      expect(await process.stop("SIGTERM")).toBe(0);
      await expect(check()).rejects.toThrow("ended with 1");
    }
  });
});

/** The image's `node` is the base image's; here it is the one that runs this test, wherever PATH leads. */
function onThisNode([program, ...args]: readonly string[]): [string, ...string[]] {
  if (program !== "node") throw new Error(`the image starts ${program} where node should be process 1`);
  return [process.execPath, ...args];
}

/** By the paths of the packages. */
async function lockedVersions(file: string): Promise<ReadonlyMap<string, string | undefined>> {
  const { packages } = JSON.parse(await readFile(file, "utf8")) as {
    packages: Record<string, { version?: string }>; // npm's format
  };
  return new Map(Object.entries(packages).map(([path, { version }]) => [path, version]));
}

async function packagesIn(modules: string): Promise<readonly string[]> {
  const entries = (await readdir(modules)).filter((entry) => !entry.startsWith("."));
  const nested = await Promise.all(
    entries.map(async (entry) =>
      entry.startsWith("@") ? (await readdir(join(modules, entry))).map((inner) => `${entry}/${inner}`) : [entry],
    ),
  );
  return nested.flat();
}
