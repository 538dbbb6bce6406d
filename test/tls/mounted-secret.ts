import { lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What files hold, by their names. */
export type Content = Readonly<Record<string, string>>;

/**
 * A folder as Kubernetes mounts a secret: `tls.crt` is a link to `..data/tls.crt`, and `..data` one to a folder of what was
 * mounted last. Disposing removes it.
 */
export interface MountedSecret extends Disposable {
  readonly folder: string;
  pathOf(name: string): string;
  /** Makes the next content ready beside what is there; the function returned puts it in its place by one rename. */
  prepare(content: Content): () => void;
  /** Renews all at once, as Kubernetes does. */
  swap(content: Content): void;
  /** Writes over the files, one after the other, wherever links lead. */
  overwrite(content: Content): void;
  /** Puts a file in the place of each, one after the other. */
  replace(content: Content): void;
}

export function mountSecret(content: Content): MountedSecret {
  const folder = mkdtempSync(join(tmpdir(), "portico-secret-"));
  const pathOf = (name: string) => join(folder, name);
  let generation = 0;

  function prepare(next: Content): () => void {
    const name = `..2026_${++generation}`;
    mkdirSync(pathOf(name));
    for (const [file, text] of Object.entries(next)) writeFileSync(pathOf(`${name}/${file}`), text, { mode: 0o600 });
    symlinkSync(name, pathOf("..data_next"));
    return () => {
      renameSync(pathOf("..data_next"), pathOf("..data"));
      const plain = Object.keys(next).filter(
        (file) => !lstatSync(pathOf(file), { throwIfNoEntry: false })?.isSymbolicLink(),
      );
      for (const file of plain) {
        symlinkSync(`..data/${file}`, pathOf("..link"));
        renameSync(pathOf("..link"), pathOf(file)); // over what a test has put there
      }
    };
  }

  const secret: MountedSecret = {
    folder,
    pathOf,
    prepare,
    swap: (next) => prepare(next)(),
    overwrite(next) {
      for (const [file, text] of Object.entries(next)) writeFileSync(pathOf(file), text);
    },
    replace(next) {
      for (const [file, text] of Object.entries(next)) {
        writeFileSync(pathOf(`.${file}`), text, { mode: 0o600 });
        renameSync(pathOf(`.${file}`), pathOf(file));
      }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
  secret.swap(content);
  return secret;
}
