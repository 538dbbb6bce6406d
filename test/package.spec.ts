import { readFile } from "node:fs/promises";
import { join } from "node:path";
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

  test("has declarations that a compiler takes without skipLibCheck", async () => {
    await run(["npx", "tsc", "--skipLibCheck", "false"], { cwd: project.path, env: userEnvironment() });
  });
});

/** The packages, by name, that a list of module URLs comes from. */
function packagesOf(urls: string): readonly string[] {
  const names = [...urls.matchAll(/^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//gm)].map(([, name]) => name ?? "");
  return [...new Set(names)].sort();
}
