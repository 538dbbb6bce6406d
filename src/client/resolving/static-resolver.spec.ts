import { expect, test, vi } from "vitest";
import type { Address } from "./resolver.ts";
import { staticResolver } from "./static-resolver.ts";

const [a, b] = [
  { host: "a", port: 1 },
  { host: "b", port: 1 },
];
const turnEnds = () => new Promise(setImmediate);

test("the backends are told once, after the resolution began, and not again by a refresh", async () => {
  const told: (readonly Address[])[] = [];
  const resolver = staticResolver([b, a, b], "b:1");
  const resolution = resolver.resolve({
    onAddresses: (addresses) => told.push(addresses),
    onError: () => expect.unreachable(),
  });
  expect(told).toEqual([]);
  resolution.refresh();
  await turnEnds();
  expect(told).toEqual([[b, a]]);
  expect(resolver.authority).toBe("b:1");
});

test("a resolution that was closed before tells nothing", async () => {
  const onAddresses = vi.fn();
  staticResolver([a], "a:1")
    .resolve({ onAddresses, onError: () => expect.unreachable() })
    .close();
  await turnEnds();
  expect(onAddresses).not.toHaveBeenCalled();
});
