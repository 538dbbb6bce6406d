import { readdir, readFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installRuntimes, missingForRuntimes } from "./packaging/node-runtimes.ts";
import { copyWithoutServicePackages, createOrdersProject, type OrdersProject } from "./packaging/orders-project.ts";
import { answers, bareEnvironment, freePort, run, start, userEnvironment } from "./packaging/process.ts";

const repository = join(import.meta.dirname, "..");
/** `await using` is a syntax error before Node 24, so the README's spec of the service starts there. */
const RUNTIMES = [
  { major: 22, runsSpec: false },
  { major: 24, runsSpec: true },
  { major: 26, runsSpec: true },
] as const;

const missing = await missingForRuntimes();
const title = `the package, installed into an empty project with the README's third service${missing === undefined ? "" : ` (skipped: ${missing})`}`;

describe.skipIf(missing !== undefined)(title, { timeout: 90_000 }, () => {
  let project: OrdersProject;
  let runtimes: ReadonlyMap<number, string>;

  beforeAll(async () => {
    project = await createOrdersProject(repository);
    const majors = RUNTIMES.map(({ major }) => major);
    runtimes = await installRuntimes(majors, join(project.folder, "runtimes"));
  }, 600_000);

  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
  });

  function node(major: number): string {
    const path = runtimes.get(major);
    if (path === undefined) throw new Error(`Node ${major} is not installed`);
    return path;
  }

  async function serve(command: readonly [string, ...string[]], settings: Readonly<Record<string, string>>) {
    const port = await freePort();
    const env = { ...bareEnvironment(), HOST: "127.0.0.1", PORT: String(port), ...settings };
    const service = start(command, { cwd: project.path, env });
    const url = `http://127.0.0.1:${port}`;
    try {
      await service.until(() => answers(`${url}/readyz`));
    } catch (error) {
      await service[Symbol.asyncDispose]();
      throw error;
    }
    return { service, url, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
  }

  /** `name` from the package, and orders from the project, both on the same Node. */
  async function serveBoth(major: number) {
    await using opened = new AsyncDisposableStack();
    const name = opened.use(await serve([node(major), "node_modules/portico/dist/services/name/main.js"], {}));
    const main = "src/services/orders/main.ts";
    const orders = opened.use(await serve([node(major), main], { NAME_URL: name.url }));
    const kept = opened.move();
    return { name, orders, [Symbol.asyncDispose]: () => kept.disposeAsync() };
  }

  /** Has a program in the folder `cwd` place an order by gRPC; it writes the modules that it loads into the file `modules`. */
  async function placeOrder(major: number, url: string, { cwd = project.path, modules = "/dev/null" } = {}) {
    return await run([node(major), "--import", "./record-modules.mjs", "place-order.mjs", url, "grace"], {
      cwd,
      env: { ...bareEnvironment(), MODULES: modules },
      deadlineMs: 60_000,
    });
  }

  for (const { major, runsSpec } of RUNTIMES) {
    describe(`on Node ${major}`, () => {
      test("runs, answers Connect and gRPC, and ends with 0", async () => {
        expect(await run([node(major), "--version"], { cwd: project.path })).toMatch(new RegExp(`^v${major}\\.`));
        await using both = await serveBoth(major);
        const { name, orders } = both;
        const response = await fetch(`${orders.url}/orders.v1.OrdersService/PlaceOrder`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ customer: "ada" }),
        });
        expect(await response.json()).toEqual({ orderId: "ADA-1" });
        expect(await placeOrder(major, orders.url)).toBe("GRACE-1");
        expect(await orders.service.stop("SIGTERM")).toBe(0);
        expect(await name.service.stop("SIGTERM")).toBe(0);
        expect(orders.service.output()).toContain("action=write_receipt, status=success, name=GRACE");
      });

      test("calls through portico/client, which loads nothing that only a service needs", async () => {
        await using both = await serveBoth(major);
        const modules = join(project.folder, `modules-${major}`);
        await placeOrder(major, both.orders.url, { modules });
        const callers = ["@bufbuild/protobuf", "@connectrpc/connect", "portico"];
        expect(packagesOf(await readFile(modules, "utf8"))).toEqual(callers);

        const cwd = await copyWithoutServicePackages(project, join(project.folder, `caller-${major}`));
        expect(await placeOrder(major, both.orders.url, { cwd })).toBe("GRACE-1");
      });

      test("serves and calls in domain types", async () => {
        await using receipts = await serve([node(major), "serve-receipts.mjs"], {});
        const id = "65a1b2c3d4e5f60718293a4b";
        const response = await fetch(`${receipts.url}/receipts.v1.ReceiptsService/GetReceipt`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ id }),
        });
        expect(await response.json()).toMatchObject({
          receipt: { id: "ZaGyw9Tl9gcYKTpL", total: "19.90", points: "42" },
        });
        const printed = await run([node(major), "get-receipt.mjs", receipts.url, id], { cwd: project.path });
        expect(printed).toContain(`_id: ObjectId ${id}\n`);
        expect(printed).toContain("writtenAt: Date 2026-11-21T12:00:00.500Z\n");
        expect(printed).toContain("total: Decimal128 19.90\n");
        expect(printed).toContain("points: Long 42\n");
      });

      if (!runsSpec) return;

      test("passes the spec of the service, which the README shows", async () => {
        await run([node(major), "node_modules/vitest/vitest.mjs", "run"], {
          cwd: project.path,
          env: bareEnvironment(),
          deadlineMs: 60_000,
        });
      });

      test("tests a service under Node's own test runner", async () => {
        const printed = await run([node(major), "--test", "node-test.mjs"], {
          cwd: project.path,
          env: bareEnvironment(),
          deadlineMs: 60_000,
        });
        expect(printed).toMatch(/pass 1$/m);
      });
    });
  }

  test("generates domain types on the oldest Node, by the plugin in the path", async () => {
    const [{ major }] = RUNTIMES;
    const output = join(project.folder, "generated");
    const PATH = [dirname(node(major)), join(project.path, "node_modules/.bin"), dirname(process.execPath)];
    const env = { ...userEnvironment(), PATH: PATH.join(delimiter) };
    await run(["buf", "generate", "--output", output], { cwd: project.path, env });
    const file = "gen/receipts/v1/receipts_domain.js";
    const generated = await readFile(join(output, file), "utf8");
    expect(generated).toBe(await readFile(join(project.path, file), "utf8"));
  });

  test("lets generated code load portico/types alone: nothing of a service, of bson or of Node", async () => {
    const cwd = await copyWithoutServicePackages(project, join(project.folder, "types"));
    const modules = join(project.folder, "modules-types");
    const program = ["--import", "./record-modules.mjs", "--input-type=module", "--eval", 'import "portico/types"'];
    await run([process.execPath, ...program], { cwd, env: { ...bareEnvironment(), MODULES: modules } });
    const loaded = (await readFile(modules, "utf8")).trim().split("\n");
    const inside = loaded.map(
      (url) => /\/node_modules\/portico\/(dist\/(?:chunks\/)?)[^/]+\.js$/.exec(url)?.[1] ?? url,
    );
    expect([...new Set(inside)].sort()).toEqual(["dist/", "dist/chunks/"]);
    expect(loaded.filter((url) => !url.includes("/chunks/"))).toEqual([expect.stringMatching(/\/dist\/types\.js$/)]);
  });

  test("brings the schema of the options, and no other", async () => {
    const proto = join(project.path, "node_modules/portico/proto");
    expect(await readdir(proto)).toEqual(["portico"]);
    expect(await readdir(join(proto, "portico/types/v1"))).toEqual(["types.proto"]);
  });

  test("has a plugin of the package's version, which says what is missing where it cannot run", async () => {
    const env = bareEnvironment();
    const plugin = [process.execPath, "node_modules/portico/dist/protoc-gen-portico/main.js"] as const;
    expect(await run([...plugin, "--version"], { cwd: project.path, env })).toBe("protoc-gen-portico v0.1.0\n");
    const cwd = await copyWithoutServicePackages(project, join(project.folder, "without-protoplugin"));
    await expect(run(plugin, { cwd, env })).rejects.toThrow(
      /ended with 1:\nprotoc-gen-portico needs another package: npm install --save-dev @bufbuild\/protoplugin\n$/,
    );
  });

  test("has declarations that a compiler takes without skipLibCheck", async () => {
    await run(["npx", "tsc", "--skipLibCheck", "false"], { cwd: project.path, env: userEnvironment() });
  });
});

/** The packages, by name, that a list of module URLs comes from. */
function packagesOf(urls: string): readonly string[] {
  const names = [...urls.matchAll(/^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//gm)].map(([, name]) => name ?? "");
  return [...new Set(names)].sort();
}
