import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runBuf } from "../../tools/buf.ts";
import { BUILT, copySchemas, ROOT } from "./source-folder.ts";

/** Where the peers in TypeScript find the schema of bench.v1. */
export const SCHEMA_FILE = join(BUILT, "schema/schema.binpb");

/** Writes {@link SCHEMA_FILE}: a descriptor set, so that no generated code of a benchmark is in the repository. */
export async function buildSchema(): Promise<void> {
  const folder = join(BUILT, "schema");
  await mkdir(folder, { recursive: true });
  await copySchemas(folder);
  const built = await runBuf(ROOT, ["build", "-o", SCHEMA_FILE], folder);
  if (!built.isSuccess) throw new Error(`The benchmark's schema does not build:\n${built.output}`);
}
