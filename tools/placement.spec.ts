import { expect, test } from "vitest";
import { placeServices } from "./placement.ts";

const name = { name: "name", folder: "name", port: 50_051, calls: [], rank: 0 };
const greeter = { name: "greeter", folder: "greeter", port: 8_081, calls: ["name"], rank: 1 };

function place(env: Readonly<Record<string, string>>) {
  const { placements, mistakes } = placeServices([name, greeter], env);
  expect(mistakes).toEqual([]);
  const [ofName, ofGreeter] = placements;
  return { name: ofName, greeter: ofGreeter };
}

test("gives each service its own port, and none of them the shell's HOST and PORT", () => {
  const placed = place({ HOST: "example.com", PORT: "80", LOG_LEVEL: "debug" });
  expect(placed.name?.env).toEqual({ PORT: "50051", LOG_LEVEL: "debug" });
  expect(placed.greeter?.env).toEqual({ PORT: "8081", LOG_LEVEL: "debug" });
});

test("tells callers where a service is that was moved", () => {
  const placed = place({ NAME_PORT: "1234" });
  expect(placed.name).toMatchObject({ url: "http://localhost:1234", env: { PORT: "1234" } });
  expect(placed.greeter?.env).toMatchObject({ NAME_URL: "http://localhost:1234", PORT: "8081" });
  expect(place({ NAME_HOST: "::1" }).greeter?.env).toMatchObject({ NAME_URL: "http://[::1]:50051" });
});

test("leaves callers the URL that they were given", () => {
  const placed = place({ NAME_PORT: "1234", NAME_URL: "http://names.example:80" });
  expect(placed.greeter?.env).toMatchObject({ NAME_URL: "http://names.example:80" });
});

test("reaches a service that listens everywhere by localhost", () => {
  for (const host of ["::", "0.0.0.0"]) {
    expect(place({ NAME_HOST: host }).name).toMatchObject({ url: "http://localhost:50051", env: { HOST: host } });
  }
});

test("reports every port that is none", () => {
  const { mistakes } = placeServices([name, greeter], { NAME_PORT: "0", GREETER_PORT: "65536" });
  expect(mistakes).toEqual([
    'NAME_PORT is "0"; a port from 1 to 65535 is expected',
    'GREETER_PORT is "65536"; a port from 1 to 65535 is expected',
  ]);
});
