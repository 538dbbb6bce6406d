import { join } from "node:path";
import { expect, test } from "vitest";
import { findServices, inStartOrder, type Service } from "./services.ts";

function service(name: string, ...calls: readonly string[]): Service {
  return { name, folder: name, port: 1, calls };
}

function order(...services: readonly Service[]): readonly string[] {
  return inStartOrder(services).map(({ name, rank }) => `${name} ${rank}`);
}

test("puts whoever is called before its callers", () => {
  expect(order(service("a", "b"), service("b", "c"), service("c"))).toEqual(["c 0", "b 1", "a 2"]);
});

test("ranks a service above the highest that it calls, and equals by name", () => {
  expect(order(service("z", "y", "x"), service("y", "x"), service("x"), service("b"))).toEqual([
    "b 0",
    "x 0",
    "y 1",
    "z 2",
  ]);
});

test("takes the first by name for the caller where services call each other in a circle", () => {
  expect(order(service("b", "a"), service("a", "b"))).toEqual(["b 0", "a 1"]);
});

test("reads from the configuration who calls whom", async () => {
  const found = await findServices(join(import.meta.dirname, ".."));
  const ours = found.filter(({ name }) => ["name", "greeter"].includes(name));
  expect(ours).toEqual([
    { name: "name", folder: "name", port: 50_051, calls: [], rank: 0 },
    { name: "greeter", folder: "greeter", port: 8_081, calls: ["name"], rank: 1 },
  ]);
});
