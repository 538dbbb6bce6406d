import fc from "fast-check";
import { expect, test } from "vitest";
import { readMongoUrl } from "./mongo-url.ts";

test.each([
  ["mongodb://localhost", undefined],
  ["mongodb://localhost/", undefined],
  ["mongodb://localhost/?appName=a", undefined],
  ["mongodb://localhost/names", "names"],
  ["mongodb://a:1,b:2/names?appName=a@b/c", "names"],
  ["mongodb+srv://ada:secret@cluster.example/my%20names", "my names"],
])("the database of %s is %s", (url, database) => {
  expect(readMongoUrl(url).database).toBe(database);
});

test("knows the options by their names in lower case", () => {
  const { options } = readMongoUrl("mongodb://localhost/?maxPoolSize=7&appName=a");
  expect(options).toEqual(new Set(["maxpoolsize", "appname"]));
});

test.each([
  ["mongodb://ada:s3cr%40t@host", "connecting as ada:s3cr%40t, or s3cr@t"],
  ["mongodb://ada:s3cr@t/x?y@host", "Invalid URL: mongodb://ada:s3cr@t/x?y@host"],
  ["mongo//ada:s3cr@t@host", "Invalid: mongo//ada:s3cr@t@host"],
  ["ada:s3cr%t@host", "Invalid: ada:s3cr%t@host"],
  ["mongodb://host/?tlsCertificateKeyFilePassword=s3cr%26t", "cannot read with s3cr&t"],
  ["mongodb://u@host/?authMechanismProperties=AWS_SESSION_TOKEN:s3cr", "AWS_SESSION_TOKEN:s3cr"],
])("takes the secrets of %s out of a text", (url, text) => {
  const redacted = readMongoUrl(url).redact(text);
  expect(redacted).not.toContain("s3cr");
  expect(redacted).toContain("[redacted]");
});

test("leaves a text as it is where there is no secret", () => {
  for (const url of ["mongodb://localhost:27017/names", "", "@", "mongodb://@host", "?"]) {
    expect(readMongoUrl(url).redact("connect ECONNREFUSED 127.0.0.1:27017")).toBe(
      "connect ECONNREFUSED 127.0.0.1:27017",
    );
  }
});

test("no password comes through, however it is written", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 12 }), fc.webQueryParameters(), (password, query) => {
      const { redact } = readMongoUrl(`mongodb://ada:${encodeURIComponent(password)}@host/db?${query}`);
      for (const form of [password, encodeURIComponent(password)]) {
        expect(redact(`failed: <${form}>`)).not.toContain(form);
      }
    }),
  );
});
