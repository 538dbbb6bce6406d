import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pair } from "../../tools/certificates/authority.ts";

/** A temporary folder of files in PEM; disposing it removes it. */
export interface Folder extends AsyncDisposable {
  readonly path: string;
  /** Writes a file that only its owner may read, and gives its path. */
  write(name: string, text: string): Promise<string>;
  /** Writes a pair as `<name>.crt` and `<name>.key`. */
  writePair(name: string, pair: Pair): Promise<{ readonly cert: string; readonly key: string }>;
}

export async function openFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "portico-tls-"));
  const write = async (name: string, text: string) => {
    const file = join(path, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  return {
    path,
    write,
    writePair: async (name, { cert, key }) => ({
      cert: await write(`${name}.crt`, cert),
      key: await write(`${name}.key`, key),
    }),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}
