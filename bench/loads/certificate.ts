import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** Paths of a certificate and its key, in PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Makes a self-signed certificate for two days by `openssl`; undefined where that is not there. */
export async function makeCertificate(folder: string): Promise<Certificate | undefined> {
  const certificate = join(folder, "certificate.pem");
  const key = join(folder, "key.pem");
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost";
  try {
    const flags = [...request.split(" "), "-keyout", key, "-out", certificate];
    await promisify(execFile)("openssl", flags, { timeout: 10_000 });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  return { certificate, key };
}
