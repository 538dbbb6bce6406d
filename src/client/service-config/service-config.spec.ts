import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseServiceConfig } from "./service-config.ts";

const retryPolicy = {
  maxAttempts: 4,
  initialBackoff: "0.1s",
  maxBackoff: "1s",
  backoffMultiplier: 2,
  retryableStatusCodes: ["UNAVAILABLE"],
};
const hedgingPolicy = { maxAttempts: 3 };
/** What a config for all methods with these fields says of any. */
const configOf = (fields: object) =>
  parseServiceConfig({ methodConfig: [{ name: [{}], ...fields }] }).methods("s", "m");

describe("a service config", () => {
  test("as gRPC's own documents show it is read as it stands", () => {
    const config = parseServiceConfig(`{
      "loadBalancingConfig": [{ "xds_experimental": {} }, { "round_robin": {} }],
      "methodConfig": [
        {
          "name": [{ "service": "orders.v1.OrdersService" }, { "service": "pay.v1.PayService", "method": "Pay" }],
          "waitForReady": true,
          "timeout": "1.500340012s",
          "maxRequestMessageBytes": 1024,
          "retryPolicy": {
            "maxAttempts": 4,
            "initialBackoff": ".1s",
            "maxBackoff": "1s",
            "backoffMultiplier": 1.5,
            "retryableStatusCodes": ["UNAVAILABLE", "aborted", 8]
          }
        },
        {
          "name": [{ "service": "orders.v1.OrdersService", "method": "GetOrder" }],
          "hedgingPolicy": { "maxAttempts": 3, "hedgingDelay": "0.5s", "nonFatalStatusCodes": ["CANCELLED"] }
        }
      ],
      "retryThrottling": { "maxTokens": 10, "tokenRatio": 0.1 },
      "someDay": true
    }`);
    expect(config.balancing).toBe("round_robin");
    expect(config.methods("orders.v1.OrdersService", "PlaceOrder")).toEqual({
      timeoutMs: 1500.340012,
      waitForReady: true,
      retry: {
        maxAttempts: 4,
        initialBackoffMs: 100,
        maxBackoffMs: 1000,
        backoffMultiplier: 1.5,
        retryableCodes: new Set([Code.Unavailable, Code.Aborted, Code.ResourceExhausted]),
      },
    });
    expect(config.methods("orders.v1.OrdersService", "GetOrder")).toEqual({
      hedging: { maxAttempts: 3, delayMs: 500, nonFatalCodes: new Set([Code.Canceled]) },
    });
    expect(config.methods("pay.v1.PayService", "Pay")?.waitForReady).toBe(true);
    expect(config.methods("pay.v1.PayService", "Refund")).toBeUndefined();
  });

  test("says of a method what the most specific name says, wherever it stands, and nothing of the others", () => {
    const config = (name: object, timeout: string) => ({ name: [name], timeout });
    const { methods } = parseServiceConfig({
      methodConfig: [
        config({ service: "s", method: "m" }, "3s"),
        config({ service: null, method: "" }, "1s"),
        config({ service: "s" }, "2s"),
        { name: [], timeout: "4s" },
        { waitForReady: true },
      ],
    });
    expect(methods("s", "m")).toEqual({ timeoutMs: 3000 });
    expect(methods("s", "n")).toEqual({ timeoutMs: 2000 });
    expect(methods("t", "m")).toEqual({ timeoutMs: 1000 });
    expect(methods("__proto__", "constructor")).toEqual({ timeoutMs: 1000 });
  });

  test("without anything in it says nothing", () => {
    const { balancing, methods } = parseServiceConfig("{}");
    expect(balancing).toBeUndefined();
    expect(methods("s", "m")).toBeUndefined();
    expect(parseServiceConfig({ methodConfig: null, loadBalancingConfig: null }).methods("s", "m")).toBeUndefined();
  });

  test.each([
    [{ loadBalancingConfig: [{ least_request_experimental: { choiceCount: 3 } }] }, "least_request"],
    [{ loadBalancingConfig: [{ pick_first: {} }, { least_request: {} }, { round_robin: {} }] }, "least_request"],
    [{ loadBalancingConfig: [{ round_robin: {} }], loadBalancingPolicy: "grpclb" }, "round_robin"],
    [{ loadBalancingConfig: [], loadBalancingPolicy: "ROUND_ROBIN" }, "round_robin"],
    [{ loadBalancingPolicy: "round_robin" }, "round_robin"],
    [{ loadBalancingPolicy: "UNSPECIFIED" }, undefined],
  ])("%j balances by the first policy that is known", (config, balancing) => {
    expect(parseServiceConfig(config).balancing).toBe(balancing);
  });

  test.each([
    ["1s", 1000],
    ["0.57s", 570],
    [".000000001s", 1e-6],
    ["3600s", 3_600_000],
    ["315576000000s", 315_576_000_000_000],
  ])("reads the duration %s", (timeout, timeoutMs) => {
    expect(configOf({ timeout })).toEqual({ timeoutMs });
  });

  test("reads every status code by its name in any case, by Connect's name, and by number", () => {
    const codes = Object.values(Code).filter((code) => typeof code === "number");
    const names = codes.map((code) => Code[code].replace(/(?<=.)[A-Z]/g, "_$&"));
    for (const written of [names, names.map((name) => name.toUpperCase()), codes]) {
      const config = configOf({ retryPolicy: { ...retryPolicy, retryableStatusCodes: written } });
      expect(config?.retry?.retryableCodes).toEqual(new Set(codes));
    }
  });

  test("takes no more than five attempts, and numbers that are written as text", () => {
    expect(configOf({ retryPolicy: { ...retryPolicy, maxAttempts: "100", backoffMultiplier: "1.5e0" } })).toMatchObject(
      {
        retry: { maxAttempts: 5, backoffMultiplier: 1.5 },
      },
    );
    expect(configOf({ hedgingPolicy: { maxAttempts: 6 } })).toEqual({
      hedging: { maxAttempts: 5, delayMs: 0, nonFatalCodes: new Set() },
    });
  });

  test.each([
    ["serviceConfig is no JSON: ", "{"],
    ["serviceConfig is a list; it has to be an object", "[]"],
    ["serviceConfig is missing; it has to be an object", "null"],
    ["serviceConfig.methodConfig is an object; it has to be a list", { methodConfig: {} }],
    ["serviceConfig.methodConfig[1] is 7; it has to be an object", { methodConfig: [{}, 7] }],
    [
      "serviceConfig.methodConfig[0].name[0].service is 7; it has to be text",
      { methodConfig: [{ name: [{ service: 7 }] }] },
    ],
    [
      "serviceConfig.methodConfig[0].name[0] has a method and no service",
      { methodConfig: [{ name: [{ method: "m" }] }] },
    ],
    [
      "serviceConfig.methodConfig[1].name[1] names s/m again",
      { methodConfig: [{ name: [{ service: "s", method: "m" }] }, { name: [{}, { service: "s", method: "m" }] }] },
    ],
    [
      "serviceConfig.methodConfig[0].name[1] names s again",
      { methodConfig: [{ name: [{ service: "s" }, { service: "s" }] }] },
    ],
    ["serviceConfig.methodConfig[0].name[1] names all methods again", { methodConfig: [{ name: [{}, {}] }] }],
    ["serviceConfig.loadBalancingConfig[0] has several keys", { loadBalancingConfig: [{ a: {}, round_robin: {} }] }],
    ["serviceConfig.loadBalancingConfig[0] has no key", { loadBalancingConfig: [{}] }],
    [
      "serviceConfig.loadBalancingConfig[0].round_robin is true; it has to be an object",
      { loadBalancingConfig: [{ round_robin: true }] },
    ],
    [
      "serviceConfig.loadBalancingConfig names no policy that is known here; " +
        "known are round_robin, least_request, least_request_experimental",
      { loadBalancingConfig: [{ pick_first: {} }, { grpclb: {} }] },
    ],
    ["serviceConfig.loadBalancingPolicy names no policy that is known here", { loadBalancingPolicy: "constructor" }],
  ])("says %s", (message, config) => {
    expect(() => parseServiceConfig(config)).toThrow(message);
  });

  test.each([
    ["timeout is 1; it has to be a duration of more than 0 seconds", { timeout: 1 }],
    ['timeout is "0s"; it has to be a duration of more than 0 seconds', { timeout: "0s" }],
    ['timeout is "-1s"; it has to be', { timeout: "-1s" }],
    ['timeout is "s"; it has to be', { timeout: "s" }],
    ['timeout is "1.s"; it has to be', { timeout: "1.s" }],
    ['timeout is "1.0000000001s"; it has to be', { timeout: "1.0000000001s" }],
    ['timeout is "315576000001s"; it has to be', { timeout: "315576000001s" }],
    ['timeout is "1500ms"; it has to be', { timeout: "1500ms" }],
    ['waitForReady is "true"; it has to be true or false', { waitForReady: "true" }],
    [" has both a retryPolicy and a hedgingPolicy", { retryPolicy, hedgingPolicy }],
    ["retryPolicy is a list; it has to be an object", { retryPolicy: [] }],
    [
      "retryPolicy.maxAttempts is 1; it has to be a whole number from 2",
      { retryPolicy: { ...retryPolicy, maxAttempts: 1 } },
    ],
    ["retryPolicy.maxAttempts is 2.5; it has to be", { retryPolicy: { ...retryPolicy, maxAttempts: 2.5 } }],
    ["retryPolicy.maxAttempts is missing; it has to be", { retryPolicy: { ...retryPolicy, maxAttempts: null } }],
    ['retryPolicy.maxAttempts is "0x2"; it has to be', { retryPolicy: { ...retryPolicy, maxAttempts: "0x2" } }],
    ['retryPolicy.maxAttempts is ""; it has to be', { retryPolicy: { ...retryPolicy, maxAttempts: "" } }],
    ['retryPolicy.initialBackoff is "0s"; it has to be', { retryPolicy: { ...retryPolicy, initialBackoff: "0s" } }],
    ["retryPolicy.maxBackoff is missing; it has to be", { retryPolicy: { ...retryPolicy, maxBackoff: undefined } }],
    ["retryPolicy.backoffMultiplier is 0; it has to be", { retryPolicy: { ...retryPolicy, backoffMultiplier: 0 } }],
    ['retryPolicy.backoffMultiplier is "1e999"', { retryPolicy: { ...retryPolicy, backoffMultiplier: "1e999" } }],
    ["retryPolicy.retryableStatusCodes lists no code", { retryPolicy: { ...retryPolicy, retryableStatusCodes: [] } }],
    [
      'retryPolicy.retryableStatusCodes[1] is "OK"; it has to be a status code of gRPC',
      { retryPolicy: { ...retryPolicy, retryableStatusCodes: [14, "OK"] } },
    ],
    ["retryPolicy.retryableStatusCodes[0] is 0", { retryPolicy: { ...retryPolicy, retryableStatusCodes: [0] } }],
    ["retryPolicy.retryableStatusCodes[0] is 17", { retryPolicy: { ...retryPolicy, retryableStatusCodes: [17] } }],
    [
      'retryPolicy.retryableStatusCodes[0] is "constructor"',
      { retryPolicy: { ...retryPolicy, retryableStatusCodes: ["constructor"] } },
    ],
    ["hedgingPolicy.maxAttempts is 0; it has to be", { hedgingPolicy: { maxAttempts: 0 } }],
    [
      'hedgingPolicy.hedgingDelay is "1"; it has to be a duration',
      { hedgingPolicy: { maxAttempts: 2, hedgingDelay: "1" } },
    ],
    ['hedgingPolicy.hedgingDelay is "s"; it has to be', { hedgingPolicy: { maxAttempts: 2, hedgingDelay: "s" } }],
    ["hedgingPolicy.nonFatalStatusCodes is 14", { hedgingPolicy: { maxAttempts: 2, nonFatalStatusCodes: 14 } }],
  ])("says that a method's %s", (message, fields) => {
    const separator = message.startsWith(" ") ? "" : ".";
    expect(() => configOf(fields)).toThrow(`serviceConfig.methodConfig[0]${separator}${message}`);
  });

  test("whatever is in it is read or refused by name, and never breaks anything else", () => {
    const known = fc.constantFrom(
      ...["methodConfig", "name", "service", "method", "timeout", "waitForReady", "retryPolicy", "hedgingPolicy"],
      ...["maxAttempts", "initialBackoff", "retryableStatusCodes", "loadBalancingConfig", "loadBalancingPolicy"],
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(null, true, 0, 2, "1s", "s", "UNAVAILABLE", "round_robin"),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(known, tie("value"), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(value, (json) => {
        const read = () => parseServiceConfig(JSON.stringify(json)).methods("s", "m");
        try {
          read();
        } catch (error) {
          expect(error).toHaveProperty("message", expect.stringMatching(/^serviceConfig\b.*(?:has|known)/));
        }
      }),
      { numRuns: 500 },
    );
  });
});
