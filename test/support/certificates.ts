import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate and its key, in PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** Certificates for tests on localhost: an authority's, and what it has signed. */
export interface Certificates {
  readonly authority: Pair;
  readonly server: Pair;
  readonly client: Pair;
  /** Signed by nobody but itself. */
  readonly stranger: Pair;
}

const NONE: Pair = { cert: "", key: "" };
/** What tests that are skipped without openssl are declared with. */
export const NO_CERTIFICATES: Certificates = { authority: NONE, server: NONE, client: NONE, stranger: NONE };

/** Makes certificates for a day by openssl; undefined where that is not there. */
export function makeCertificates(): Certificates | undefined {
  const folder = mkdtempSync(join(tmpdir(), "portico-certificates-"));
  const file = (name: string) => join(folder, name);
  const openssl = (...parameters: readonly string[]) =>
    execFileSync("openssl", parameters, { stdio: ["ignore", "ignore", "pipe"], timeout: 20_000 });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  const read = (name: string): Pair => ({
    cert: readFileSync(file(`${name}.crt`), "utf8"),
    key: readFileSync(file(`${name}.key`), "utf8"),
  });
  const make = (name: string, ...signing: readonly string[]) => {
    const files = ["-keyout", file(`${name}.key`), "-out", file(`${name}.crt`)];
    openssl("req", "-x509", ...newKey, ...files, "-subj", `/CN=${name}`, ...signing);
  };
  const byAuthority = [
    ...["-CA", file("authority.crt"), "-CAkey", file("authority.key"), "-addext", "basicConstraints=CA:FALSE"],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"],
  ];
  try {
    make("authority");
    make("server", ...byAuthority);
    make("client", ...byAuthority);
    make("stranger");
    return { authority: read("authority"), server: read("server"), client: read("client"), stranger: read("stranger") };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return undefined;
    }
    throw error;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
