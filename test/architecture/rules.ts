import { posix } from "node:path";
import { type Import, importsOf, type Source } from "./sources.ts";

/** The entrances of the package, and which rooms each opens on to. */
const ENTRANCES: Readonly<Record<string, readonly string[]>> = {
  "src/index.ts": ["service", "types", "interceptors", "server", "client", "tls", "wire", "call"],
  "src/client.ts": ["client", "types", "interceptors", "tls", "call"],
  "src/testing.ts": ["service"],
  "src/types.ts": ["types"],
};

/**
 * Which rooms a room may import: the arrows of the design's picture, as far as anything uses them. `gen` is generated code.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  call: [],
  wire: ["http2", "call"],
  interceptors: ["wire", "call"],
  http2: [],
  tls: ["call"],
  sockets: ["http2", "call"],
  server: ["sockets", "http2", "tls", "wire", "call"],
  client: ["sockets", "http2", "tls", "wire", "call", "gen"],
  observe: ["server", "wire", "call"],
  types: ["wire", "call", "gen"],
  builtin: ["server", "wire", "call", "gen"],
  service: ["observe", "builtin", "interceptors", "server", "client", "tls", "wire", "call"],
};

/** The packages besides Connect's and Protobuf's that a room may load. Node's own modules are everybody's. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  observe: ["pino"],
  service: ["pino", "zod"],
};
const EVERYBODYS_PACKAGES = /^(?:node:.+|@connectrpc\/connect|@bufbuild\/protobuf)$/;

/** Services are users of the package: they see it by its entrances only. */
const SERVICES_SEE = ["portico", "portico/client", "portico/testing", "portico/types"];

/** A wrong arrow, as a sentence. */
export type Complaint = string;

/** The room of a file: `call` for `src/call/call.ts`, `gen` for generated code; undefined for the entrances. */
function roomOf(path: string): string | undefined {
  return path.startsWith("gen/") ? "gen" : /^src\/([^/]+)\//.exec(path)?.[1];
}

export function wrongArrows(sources: readonly Source[]): readonly Complaint[] {
  return sources.flatMap((source) =>
    importsOf(source)
      .filter((imported) => !isAllowed(source.path, imported))
      .map(({ target }) => `${source.path} must not import ${target}`),
  );
}

function isAllowed(path: string, { target, isFile }: Import): boolean {
  const from = roomOf(path);
  if (from === "services") {
    return isFile
      ? /^(?:src\/services|gen)\//.test(target)
      : !/^portico\b/.test(target) || SERVICES_SEE.includes(target);
  }
  if (!isFile) {
    return EVERYBODYS_PACKAGES.test(target) || (PACKAGES[from ?? ""] ?? []).includes(target);
  }
  const to = roomOf(target) ?? "";
  return from === undefined ? (ENTRANCES[path] ?? []).includes(to) : to === from || (ARROWS[from] ?? []).includes(to);
}

/** Where a room has an `index.ts`, the others import nothing else of it. */
export function privateImports(sources: readonly Source[]): readonly Complaint[] {
  const indexes = new Set(sources.map(({ path }) => path).filter((path) => /^src\/.+\/index\.ts$/.test(path)));
  return sources.flatMap((source) =>
    importsOf(source)
      .filter(({ target }) => {
        const index = `${posix.dirname(target)}/index.ts`;
        return indexes.has(index) && target !== index && posix.dirname(source.path) !== posix.dirname(target);
      })
      .map(({ target }) => `${source.path} must not import ${target}, but the index.ts beside it`),
  );
}

/** Every cycle of imports, of types too, each once. */
export function cycles(sources: readonly Source[]): readonly Complaint[] {
  const imports = new Map(sources.map((source) => [source.path, importsOf(source).map(({ target }) => target)]));
  const done = new Set<string>();
  const found: Complaint[] = [];
  const visit = (path: string, trail: readonly string[]) => {
    const at = trail.indexOf(path);
    if (at !== -1) {
      found.push([...trail.slice(at), path].join(" -> "));
    } else if (!done.has(path)) {
      for (const target of imports.get(path) ?? []) {
        visit(target, [...trail, path]);
      }
      done.add(path);
    }
  };
  for (const path of imports.keys()) {
    visit(path, []);
  }
  return found;
}

/** Every file and package that a module loads at run time, itself included. */
export function loadedBy(entrance: string, sources: readonly Source[]): ReadonlySet<string> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const loaded = new Set([entrance]);
  for (const path of loaded) {
    const source = byPath.get(path);
    for (const { target, isType } of source === undefined ? [] : importsOf(source)) {
      if (!isType) {
        loaded.add(target); // a Set's iteration goes on to what is added in it
      }
    }
  }
  return loaded;
}
