import { describe, expect, test } from "vitest";
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

describe("with a folder of certificates", () => {
  const placeSecurely = (env: Readonly<Record<string, string>>) => {
    const [ofName, ofGreeter] = placeServices([name, greeter], env, "/certs").placements;
    return { name: ofName, greeter: ofGreeter };
  };

  test("gives each service its own certificate, and callers a URL to match", () => {
    const placed = placeSecurely({});
    expect(placed.name?.env).toEqual({
      PORT: "50051",
      TLS_CERT_FILE: "/certs/name.crt",
      TLS_KEY_FILE: "/certs/name.key",
      TLS_CLIENT_CA_FILE: "/certs/ca.crt",
      TLS_CLIENT_AUTH: "require",
      TLS_CA_FILE: "/certs/ca.crt",
    });
    expect(placed.greeter?.env).toEqual({
      PORT: "8081",
      NAME_URL: "https://localhost:50051",
      TLS_CERT_FILE: "/certs/greeter.crt",
      TLS_KEY_FILE: "/certs/greeter.key",
      TLS_CLIENT_CA_FILE: "/certs/ca.crt",
      TLS_CLIENT_AUTH: "request",
      TLS_CA_FILE: "/certs/ca.crt",
    });
    expect([placed.name?.url, placed.greeter?.url]).toEqual(["https://localhost:50051", "https://localhost:8081"]);
  });

  test("says what to call a service with: a certificate of one's own only where it insists", () => {
    const placed = placeSecurely({});
    expect(placed.name?.tls).toEqual({ ca: "/certs/ca.crt", pair: ["/certs/client.crt", "/certs/client.key"] });
    expect(placed.greeter?.tls).toEqual({ ca: "/certs/ca.crt", pair: undefined });
    expect(placeSecurely({ TLS_CLIENT_AUTH: "request" }).name?.tls).toEqual({ ca: "/certs/ca.crt", pair: undefined });
  });

  test("leaves what the environment says", () => {
    const placed = placeSecurely({ TLS_CLIENT_AUTH: "require", TLS_CA_FILE: "/other.crt", NAME_URL: "https://a:1" });
    expect(placed.greeter?.env).toMatchObject({
      TLS_CLIENT_AUTH: "require",
      TLS_CA_FILE: "/other.crt",
      TLS_CLIENT_CA_FILE: "/certs/ca.crt",
      NAME_URL: "https://a:1",
    });
    expect(placed.greeter?.tls?.ca).toBe("/other.crt");
  });
});

test("places services with TLS where the environment alone says so", () => {
  const placed = place({ TLS_CERT_FILE: "/a.crt", TLS_KEY_FILE: "/a.key", TLS_CLIENT_CA_FILE: "/ca.crt" });
  expect(placed.greeter).toMatchObject({
    url: "https://localhost:8081",
    env: { NAME_URL: "https://localhost:50051" },
    tls: { ca: undefined, pair: ["/a.crt", "/a.key"] },
  });
  expect(place({ TLS_CERT_FILE: "" }).greeter).toMatchObject({ url: "http://localhost:8081", tls: undefined });
});
