import type { DescFile } from "@bufbuild/protobuf";

/**
 * The files and everything that they import, each once, importers first: a message may be declared in another file than
 * the service that takes it.
 */
export function withImports(files: readonly DescFile[]): readonly DescFile[] {
  const found = new Set(files);
  for (const file of found) {
    for (const imported of file.dependencies) {
      found.add(imported); // a Set's iteration goes on to what is added in it
    }
  }
  return [...found];
}
