import type { TestApp } from "portico/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { type BareServer, openBareServer } from "./bare-server.ts";
import { CLIENTS, type Family, isHere } from "./clients.ts";
import { type ClientKind, makeKinds, type ServerKind } from "./kinds.ts";
import { complaints, startSecured } from "./secured.ts";

// Who is let in by which certificate, for each of both sides and each client. docs/tls.md has the same as a table.

const { authority, servers, clients } = await makeKinds();
const trusts = authority.cert;

/** What clients say of a server, by family. */
type Words = Readonly<Record<Family, RegExp>>;

const CONTENT: Words = { portico: /^ADA$/, "grpc-js": /^ADA$/, curl: /^ADA$/, grpcurl: /^ADA$/ };

const UNKNOWN_ISSUER: Words = {
  portico: /could not be made: the peer's certificate is not accepted: its issuer is not known \(UNABLE_TO_VERIFY/,
  "grpc-js": /^14 UNAVAILABLE: .*unable to verify the first certificate/,
  curl: /\(60\) .*unable to get local issuer certificate/,
  grpcurl: /certificate signed by unknown authority/,
};

const SIGNED_BY_ITSELF: Words = {
  portico:
    /the peer's certificate is not accepted: it is signed by itself, and not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
  "grpc-js": /^14 UNAVAILABLE: .*self-signed certificate/,
  curl: /\(60\) .*self-signed certificate/,
  grpcurl: /certificate signed by unknown authority/,
};

const ANOTHER_NAME: Words = {
  portico: /the peer's certificate is not accepted: Hostname\/IP does not match certificate's altnames/,
  "grpc-js": /^14 UNAVAILABLE: .*Hostname\/IP does not match certificate's altnames/,
  curl: /\(60\) .*no alternative certificate subject name matches target host name/,
  grpcurl: /cannot validate certificate for 127\.0\.0\.1/,
};

const EXPIRED: Words = {
  portico: /the peer's certificate is not accepted: it has expired \(CERT_HAS_EXPIRED\)/,
  "grpc-js": /^14 UNAVAILABLE: .*certificate has expired/,
  curl: /\(60\) .*certificate has expired/,
  grpcurl: /certificate has expired or is not yet valid: current time .* is after/,
};

const NOT_YET_VALID: Words = {
  portico: /the peer's certificate is not accepted: it is not valid yet \(CERT_NOT_YET_VALID\)/,
  "grpc-js": /^14 UNAVAILABLE: .*certificate is not yet valid/,
  curl: /\(60\) .*certificate is not yet valid/,
  grpcurl: /certificate has expired or is not yet valid: current time .* is before/,
};

/** What the log has of clients that do not like the certificate. One that is gone before its alert was read only leaves. */
const LEFT = "the peer has closed it in the middle of the TLS handshake";
const TOLD_BY_CURL = "the peer does not trust the authority of our certificate (ERR_SSL_TLSV1_ALERT_UNKNOWN_CA)";
const TOLD_BY_GO = "the peer does not accept our certificate (ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE)";

interface ServerCase {
  readonly kind: ServerKind;
  readonly words: Words;
  readonly logged: readonly string[];
}

const SERVED: readonly ServerCase[] = [
  { kind: "right", words: CONTENT, logged: [] },
  { kind: "by way of an intermediate", words: CONTENT, logged: [] },
  { kind: "of another authority", words: UNKNOWN_ISSUER, logged: [LEFT, TOLD_BY_CURL, TOLD_BY_GO] },
  { kind: "whose intermediate is missing", words: UNKNOWN_ISSUER, logged: [LEFT, TOLD_BY_CURL, TOLD_BY_GO] },
  { kind: "signed by itself", words: SIGNED_BY_ITSELF, logged: [LEFT, TOLD_BY_CURL, TOLD_BY_GO] },
  { kind: "for another name", words: ANOTHER_NAME, logged: [LEFT, TOLD_BY_GO] },
];

describe.each(SERVED)("a service whose certificate is: $kind", ({ kind, words, logged }) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startSecured({ pair: servers[kind] });
  });
  afterAll(() => app.stop());

  for (const { name, family, isMissing, call } of CLIENTS) {
    test.skipIf(isMissing)(name, async () => {
      expect(await call({ url: app.url, trusts })).toMatch(words[family]);
    });
  }

  test("its log has what clients told it of that", async () => {
    const isTold = logged.length > 0 && isHere("grpcurl"); // Node's clients leave after a handshake that is whole
    await until(() => complaints(app).length > 0 || !isTold);
    for (const complaint of complaints(app)) {
      expect(logged.map((problem) => `a connection came to nothing: ${problem}`)).toContain(complaint);
    }
  });
});

// No service starts with such a certificate, but one may grow old under another's.
describe.each([
  ["right", CONTENT],
  ["expired", EXPIRED],
  ["not yet valid", NOT_YET_VALID],
] as const)("another server whose certificate is: %s", (kind, words) => {
  let server: BareServer;
  beforeAll(async () => {
    server = await openBareServer(servers[kind]);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  for (const { name, family, isMissing, call } of CLIENTS) {
    test.skipIf(isMissing)(name, async () => {
      expect(await call({ url: server.url, trusts })).toMatch(words[family]);
    });
  }
});

const NONE = "a client certificate is needed";
const notAccepted = (problem: string) => `the client certificate is not accepted: ${problem}`;

/** How clients show `message`, with which they were refused. */
const REFUSED: Readonly<Record<Family, (message: string) => string>> = {
  portico: (message) => `[unauthenticated] ${message}`,
  "grpc-js": (message) => `16 UNAUTHENTICATED: ${message}`,
  curl: (message) => `${JSON.stringify({ code: "unauthenticated", message })} 401`,
  grpcurl: (message) => `ERROR:\n  Code: Unauthenticated\n  Message: ${message}`,
};

interface ClientCase {
  readonly kind: ClientKind | "none";
  /** Why it is refused; undefined: it is let in. */
  readonly required: string | undefined;
  readonly requested: string | undefined;
  /** Go shows none whose authority the server does not name (RFC 8446, 4.2.4). */
  readonly isHiddenByGo?: boolean;
}

const SHOWN: readonly ClientCase[] = [
  { kind: "right", required: undefined, requested: undefined },
  { kind: "by way of an intermediate", required: undefined, requested: undefined },
  { kind: "none", required: NONE, requested: undefined },
  ...(
    [
      ["signed by itself", "it is signed by itself, and not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)", true],
      ["of another authority", "its issuer is not known (UNABLE_TO_VERIFY_LEAF_SIGNATURE)", true],
      ["whose intermediate is missing", "its issuer is not known (UNABLE_TO_VERIFY_LEAF_SIGNATURE)", true],
      ["expired", "it has expired (CERT_HAS_EXPIRED)", false],
      ["not yet valid", "it is not valid yet (CERT_NOT_YET_VALID)", false],
      ["not for clients", "it is not for this purpose (extended key usage) (INVALID_PURPOSE)", false],
    ] as const
  ).map(([kind, problem, isHiddenByGo]) => {
    return { kind, required: notAccepted(problem), requested: notAccepted(problem), isHiddenByGo };
  }),
];

describe.each(["require", "request"] as const)("a service that does %s client certificates", (clientAuth) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startSecured({ pair: servers.right, clientCa: trusts, clientAuth });
  });
  afterAll(() => app.stop());

  const why = ({ required, requested }: ClientCase) => (clientAuth === "require" ? required : requested);
  const [, , none] = SHOWN as [ClientCase, ClientCase, ClientCase]; // as they stand above

  describe.each(SHOWN)("and gets: $kind", (shown) => {
    for (const { name, family, isMissing, call } of CLIENTS) {
      test.skipIf(isMissing)(name, async () => {
        const shows = shown.kind === "none" ? undefined : clients[shown.kind];
        const problem = why(family === "grpcurl" && shown.isHiddenByGo ? none : shown);
        const expected = problem === undefined ? "ADA" : REFUSED[family](problem);
        expect(await call({ url: app.url, trusts, shows })).toBe(expected);
      });
    }
  });

  test("its log has each kind of certificate that it does not accept once, and how many more of it in a minute", () => {
    const problems = SHOWN.flatMap(({ kind, required }) => (kind === "none" || !required ? [] : [required]));
    const kinds = [...new Set(problems)].map((problem) => problem.replace("the client", "a client's"));
    expect(complaints(app)).toEqual(kinds);
    app.clock.advance(60_000);
    const summed = complaints(app).slice(kinds.length);
    expect(summed).toEqual(kinds.map((kind) => `again within a minute: ${kind}`));
  });
});
