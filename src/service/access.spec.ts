import { create, createFileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, file_google_protobuf_descriptor } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { Health } from "../../gen/health/v1/health_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { reflectionServices } from "../builtin/reflection.ts";
import type { AccessTarget } from "../call/access.ts";
import type { PeerIdentity } from "../call/peer.ts";
import { type AccessRule, type Caller, createAccess } from "./access.ts";

const { sayHello, sayHelloToEach } = GreeterService.method;
const { processName } = NameService.method;
const health = Health.method.check;
const [reflection, reflectionAlpha] = reflectionServices([]).map(({ service }) => service.methods[0]) as [
  AccessTarget,
  AccessTarget,
]; // v1 and v1alpha, each with one method

const friend: PeerIdentity = {
  spiffeId: "spiffe://example.org/batch/friend",
  dnsNames: ["friend.example.org", "other.example.org"],
  subject: "CN=friend,O=Example",
  name: "spiffe://example.org/batch/friend",
};
const stranger: PeerIdentity = { spiffeId: undefined, dnsNames: [], subject: "CN=a", name: "subject:CN=a" };

/** Decisions by rules: the code of the refusal, or nothing. */
function deciding(rules: readonly AccessRule[] | undefined, { asksForCertificates = true } = {}) {
  const access = createAccess({ rules, services: [GreeterService, NameService], asksForCertificates });
  return (identity: PeerIdentity | undefined, target: AccessTarget) =>
    access({ address: "203.0.113.9", identity }, target)?.code;
}

test("without rules everybody may call everything", () => {
  const decide = deciding(undefined, { asksForCertificates: false });
  for (const target of [sayHello, processName, health, reflection, "http"] as const) {
    expect(decide(undefined, target)).toBeUndefined();
  }
});

test("where clients are asked for certificates, reflection is for those who have one, rules or not", () => {
  const decide = deciding(undefined);
  for (const target of [reflection, reflectionAlpha]) {
    expect(decide(undefined, target)).toBe(Code.Unauthenticated);
    expect(decide(stranger, target)).toBeUndefined();
    expect(deciding([{ to: "http", from: "anyone" }])(undefined, target)).toBe(Code.Unauthenticated);
  }
  expect(decide(undefined, health)).toBeUndefined();
  expect(decide(undefined, sayHello)).toBeUndefined();
});

test("once there are rules, who is in none is refused, by whether there is a certificate", () => {
  for (const rules of [[], [{ to: NameService, from: "spiffe://example.org/another" }]] as const) {
    const decide = deciding(rules);
    for (const target of [sayHello, processName, health, reflection, reflectionAlpha, "http"] as const) {
      expect(decide(undefined, target)).toBe(Code.Unauthenticated);
      expect(decide(friend, target)).toBe(Code.PermissionDenied);
    }
  }
});

test("a rule lets in to a service, to a method, or to the web application, and to nothing else", () => {
  const toService = deciding([{ to: GreeterService, from: "verified" }]);
  expect([sayHello, sayHelloToEach].map((target) => toService(friend, target))).toEqual([undefined, undefined]);
  expect(toService(friend, processName)).toBe(Code.PermissionDenied);
  expect(toService(friend, "http")).toBe(Code.PermissionDenied);
  const toMethod = deciding([{ to: sayHello, from: "verified" }]);
  expect(toMethod(friend, sayHello)).toBeUndefined();
  expect(toMethod(friend, sayHelloToEach)).toBe(Code.PermissionDenied);
  const toHttp = deciding([{ to: "http", from: "verified" }]);
  expect(toHttp(friend, "http")).toBeUndefined();
  expect(toHttp(friend, sayHello)).toBe(Code.PermissionDenied);
});

test("rules add up: of a service and its methods, in lists, and in rules of their own", () => {
  const decide = deciding([
    { to: [sayHello, "http"], from: ["subject:CN=a", "dns:nobody.example.org"] },
    { to: GreeterService, from: "dns:friend.example.org" },
    { to: sayHelloToEach, from: "subject:CN=a" },
  ]);
  expect(decide(stranger, sayHello)).toBeUndefined();
  expect(decide(stranger, "http")).toBeUndefined();
  expect(decide(stranger, sayHelloToEach)).toBeUndefined();
  expect(decide(friend, sayHello)).toBeUndefined();
  expect(decide(friend, sayHelloToEach)).toBeUndefined();
  expect(decide(friend, "http")).toBe(Code.PermissionDenied);
});

test("a method counts as itself in another copy of the generated code", () => {
  const files = [NameService.file.proto, ...NameService.file.dependencies.map(({ proto }) => proto)];
  const copies = createFileRegistry(
    create(FileDescriptorSetSchema, { file: [...files, file_google_protobuf_descriptor.proto] }),
  );
  const copy = copies.getService(NameService.typeName);
  expect(copy).not.toBe(NameService);
  const decide = deciding([{ to: copy?.method["processName"] ?? "http", from: "verified" }]);
  expect(decide(friend, processName)).toBeUndefined();
});

test("health and reflection are for whoever may call anything", () => {
  const decide = deciding([{ to: "http", from: "dns:friend.example.org" }]);
  for (const target of [health, reflection, reflectionAlpha]) {
    expect(decide(friend, target)).toBeUndefined();
    expect(decide(stranger, target)).toBe(Code.PermissionDenied);
    expect(decide(undefined, target)).toBe(Code.Unauthenticated);
  }
});

test("a method that is not served is nobody's", () => {
  const decide = createAccess({
    rules: [{ to: NameService, from: "anyone" }],
    services: [NameService],
    asksForCertificates: false,
  });
  expect(decide({ address: "", identity: friend }, sayHello)?.code).toBe(Code.PermissionDenied);
});

test("anyone is everybody, and verified is who has a certificate, whatever it says", () => {
  const [anyone, verified] = (["anyone", "verified"] as const).map((from) => deciding([{ to: sayHello, from }]));
  expect([undefined, stranger, friend].map((identity) => anyone?.(identity, sayHello))).toEqual(Array(3));
  expect(verified?.(undefined, sayHello)).toBe(Code.Unauthenticated);
  expect(verified?.(stranger, sayHello)).toBeUndefined();
});

test.each<Caller>([
  "spiffe://example.org/batch/friend",
  "spiffe://example.org/batch/*",
  "spiffe://example.org/*",
  "dns:friend.example.org",
  "dns:OTHER.example.org",
  "subject:CN=friend,O=Example",
])("%s lets in whose certificate says so, and nobody else", (from) => {
  const decide = deciding([{ to: sayHello, from }]);
  expect(decide(friend, sayHello)).toBeUndefined();
  expect(decide(stranger, sayHello)).toBe(Code.PermissionDenied);
  expect(decide(undefined, sayHello)).toBe(Code.Unauthenticated);
});

test.each<Caller>([
  "spiffe://example.org/batch/frien",
  "spiffe://example.org/batch/friend/x",
  "spiffe://example.org/batch/friend/*",
  "spiffe://example.org/bat/*",
  "spiffe://example.or/*",
  "dns:example.org",
  "dns:*.example.org",
  "dns:friend.example.org.",
  "dns:spiffe://example.org/batch/friend",
  "dns:CN=friend,O=Example",
  "subject:CN=friend",
  "subject:cn=friend,O=Example",
  "subject:O=Example,CN=friend",
  "subject:friend.example.org",
])("%s is somebody else", (from) => {
  expect(deciding([{ to: sayHello, from }])(friend, sayHello)).toBe(Code.PermissionDenied);
});

test("an identity is what it says by kind: no DNS name or subject is a SPIFFE id, and its short name is nobody's", () => {
  const id = "spiffe://example.org/batch/friend";
  const impostor: PeerIdentity = { spiffeId: undefined, dnsNames: [id, "*"], subject: id, name: id };
  const froms = [id, "spiffe://example.org/batch/*", "dns:friend.example.org", "subject:CN=friend,O=Example"] as const;
  for (const from of froms) {
    expect(deciding([{ to: sayHello, from }])(impostor, sayHello)).toBe(Code.PermissionDenied);
  }
});

test("a refusal names the caller and what was asked for", () => {
  const access = createAccess({ rules: [], services: [GreeterService], asksForCertificates: true });
  const words = (identity: PeerIdentity | undefined, target: AccessTarget) =>
    access({ address: "203.0.113.9", identity }, target)?.rawMessage;
  expect(words(stranger, sayHello)).toBe("subject:CN=a may not call greeter.v1.GreeterService/SayHello");
  expect(words(stranger, "http")).toBe("subject:CN=a may not use this");
  expect(words(undefined, sayHello)).toBe("a client certificate is needed to call greeter.v1.GreeterService/SayHello");
  expect(words(undefined, "http")).toBe("a client certificate is needed to use this");
});

test.each([
  "",
  "everyone",
  "*",
  "Verified",
  "anyone ",
  "friend.example.org",
  "https://example.org/a",
  "SPIFFE://example.org/a",
  "spiffe://",
  "dns:",
  "subject:",
  "toString",
])("a rule about %j, which is no caller, is an error that says what is one", (from) => {
  expect(() => deciding([{ to: sayHello, from: from as Caller }])).toThrow(
    `access: ${JSON.stringify(from)} is no caller; use spiffe://…, dns:…, subject:…, "verified" or "anyone"`,
  );
});

test.each<Caller>([
  "spiffe://*",
  "spiffe:///*",
  "spiffe://*/a",
  "spiffe://example.org",
  "spiffe://example.org/",
  "spiffe://Example.org/a",
  "spiffe://example.org/a/",
  "spiffe://example.org/a*",
  "spiffe://example.org/*/a",
  "spiffe://example.org/**",
  "spiffe://example.org//*",
  "spiffe://example.org/../*",
  "spiffe://example.org:443/a",
  "spiffe://example.org/%61",
])("a rule about %s, which no workload can have for an id, is an error", (from) => {
  expect(() => deciding([{ to: sayHello, from: ["verified", from] }])).toThrow(
    `access: ${JSON.stringify(from)} is no workload's SPIFFE id`,
  );
});

test("a rule about what is not served is an error that names it", () => {
  const of = (to: AccessRule["to"]) => () =>
    createAccess({ rules: [{ to, from: "verified" }], services: [NameService], asksForCertificates: true });
  expect(of(GreeterService)).toThrow("access: greeter.v1.GreeterService is nothing that this service serves");
  expect(of([NameService, sayHello])).toThrow("access: greeter.v1.GreeterService/SayHello is nothing");
  expect(of(Health)).toThrow("access: grpc.health.v1.Health is nothing");
});

test("lists may be empty: a rule for no callers lets nobody in", () => {
  const decide = deciding([{ to: sayHello, from: [] }]);
  expect(decide(friend, sayHello)).toBe(Code.PermissionDenied);
  expect(decide(friend, health)).toBe(Code.PermissionDenied);
});
