import { describe, expect, test } from "vitest";
import { cycles, loadedBy, privateImports, wrongArrows } from "./architecture/rules.ts";
import { importsOf, readSources, reexportsOf, type Source, withoutComments } from "./architecture/sources.ts";

const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const isSpec = ({ path }: Pick<Source, "path">) => path.endsWith(".spec.ts");
const sources = readSources(root, ["src"]).filter(({ path }) => path.endsWith(".ts"));
const modules = sources.filter((source) => !isSpec(source));
const everything = readSources(root, ["src", "tools", "test", "bench", "conformance", "soak"]).filter(
  ({ path }) => !/\/(?:gen|tmp|node_modules)\//.test(path),
);

/** A module that nobody wrote. */
function module(path: string, ...lines: readonly string[]): Source {
  return { path, text: `${lines.join("\n")}\n` };
}

describe("src", () => {
  test("has modules in every room, so that the rules below have something to judge", () => {
    expect(modules.length).toBeGreaterThan(50);
    expect(modules.flatMap(importsOf).length).toBeGreaterThan(200);
  });

  test("has no arrow that the design does not have", () => {
    expect(wrongArrows(modules)).toEqual([]);
  });

  test("has no cycle of imports", () => {
    expect(cycles(modules)).toEqual([]);
  });

  test("keeps what a room's index does not name to the room", () => {
    expect(privateImports(modules)).toEqual([]);
  });

  test("knows of the port what a record is, and nothing that runs, where it observes", () => {
    const imports = modules.filter(({ path }) => path.startsWith("src/observe/")).flatMap(importsOf);
    expect(imports.filter(({ target, isType }) => /^src\/(?:server|wire)\//.test(target) && !isType)).toEqual([]);
  });

  test("loads for channels and calls neither Koa nor Pino nor Zod, and nothing of the server", () => {
    const loaded = [...loadedBy("src/client.ts", modules)];
    expect(loaded).toContain("@connectrpc/connect");
    expect(
      loaded.filter((target) => /^(?:koa|pino|zod)$|^src\/(?:server|service|builtin|observe)\//.test(target)),
    ).toEqual([]);
  });

  test("loads for generated code nothing of a service, of the network, of bson or of Node", () => {
    const loaded = [...loadedBy("src/types.ts", modules)];
    expect(loaded).toContain("src/types/object-id.ts");
    expect(loaded.filter((target) => !/^src\/types[/.]/.test(target))).toEqual([]);
  });

  test("says what is exported: every name of an entrance has a doc comment", () => {
    const byPath = new Map(modules.map((source) => [source.path, source]));
    const undocumented: string[] = [];
    let names = 0;
    const check = (name: string, path: string): void => {
      const source = byPath.get(path) ?? module(path);
      const next = reexportsOf(source).get(name);
      if (next !== undefined) {
        check(name, next);
        return;
      }
      names++;
      if (!hasDocComment(source, name)) {
        undocumented.push(`${path}: ${name}`);
      }
    };
    for (const entrance of ["src/index.ts", "src/client.ts", "src/testing.ts", "src/types.ts"]) {
      for (const [name, path] of reexportsOf(byPath.get(entrance) ?? module(entrance))) {
        check(name, path);
      }
    }
    expect(names).toBeGreaterThan(30);
    expect(undocumented).toEqual([]);
  });
});

function hasDocComment({ text }: Source, name: string): boolean {
  const declaration = `export (?:declare )?(?:async )?(?:abstract )?(?:function\\*?|interface|type|const|class) ${name}\\b`;
  return new RegExp(`\\*/\\n${declaration}`).test(text);
}

describe("the project's habits", () => {
  const ours = everything.filter(({ path }) => /\.(?:ts|cjs)$/.test(path) && !isSpec({ path }));

  test("a file over 300 lines says at its top why", () => {
    const long = ours.filter((source) => source.text.split("\n").length > 301);
    expect(long.filter(({ text }) => !/^\/[/*]/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test("nothing is named after nothing", () => {
    const vague = everything.filter(({ path }) => /(?:^|\/)(?:utils?|helpers?|common|misc)(?:[./]|$)/.test(path));
    expect(vague.map(({ path }) => path)).toEqual([]);
  });

  test.each([
    ["default export", /^export default\b/m],
    ["enum", /^\s*(?:export )?(?:const )?enum\b/m],
    ["namespace", /^\s*(?:export )?namespace\b/m],
    ["any", /(?:[:<|&(,]|\bas|\bextends|=) *any\b(?=[\s[\]>|&,;)=])/],
    ["compiler that is told to be silent", /@ts-(?:ignore|nocheck)/],
  ])("there is no %s", (_name, pattern) => {
    expect(
      ours.filter(({ text }) => pattern.test(withoutTexts(withoutComments(text)))).map(({ path }) => path),
    ).toEqual([]);
  });

  test("nothing is left to do in a comment", () => {
    const left = new RegExp(["TO", "FIX"].map((begin) => `\\b${begin}${begin === "TO" ? "DO" : "ME"}\\b`).join("|"));
    expect(everything.filter(({ text }) => left.test(text)).map(({ path }) => path)).toEqual([]);
  });
});

/** Code without what stands in quotes, which is no code; templates keep theirs. */
function withoutTexts(code: string): string {
  return code.replace(/"(?:[^"\\\n]|\\.)*"/g, '""');
}

describe("the rules themselves", () => {
  test("every form of import is read, and whether it is erased", () => {
    const source = module(
      "src/a/b.ts",
      'import c from "./c.ts";',
      'import * as d from "../d.ts";',
      'import { e, type F } from "../e/f.ts";',
      'import type { G } from "g";',
      "import {",
      "  h,",
      "  type I,",
      '} from "@h/i/j";',
      'export { k } from "node:k";',
      'export type { L } from "./l.ts";',
      'export * from "./m.ts";',
      'import "./n.ts";',
      'import { o } from "portico/testing";',
      'const p = await import("./p.ts");',
      '// import q from "./q.ts";',
      '/* import r from "./r.ts"; */',
      'const s = "http://a/ from b";',
    );
    expect(importsOf(source)).toEqual([
      { target: "src/a/c.ts", isFile: true, isType: false },
      { target: "src/d.ts", isFile: true, isType: false },
      { target: "src/e/f.ts", isFile: true, isType: false },
      { target: "g", isFile: false, isType: true },
      { target: "@h/i", isFile: false, isType: false },
      { target: "node:k", isFile: false, isType: false },
      { target: "src/a/l.ts", isFile: true, isType: true },
      { target: "src/a/m.ts", isFile: true, isType: false },
      { target: "portico/testing", isFile: false, isType: false },
      { target: "src/a/n.ts", isFile: true, isType: false },
      { target: "src/a/p.ts", isFile: true, isType: false },
    ]);
  });

  test.each([
    ["server", "src/server/a.ts", "../client/channel.ts"],
    ["client", "src/client/a.ts", "../server/port.ts"],
    ["call", "src/call/a.ts", "../wire/exchange.ts"],
    ["call", "src/call/a.ts", "../../gen/name/v1/name_pb.js"],
    ["call", "src/call/a.ts", "pino"],
    ["wire", "src/wire/a.ts", "../server/port.ts"],
    ["wire", "src/wire/a.ts", "../client/channel.ts"],
    ["wire", "src/wire/a.ts", "../service/run.ts"],
    ["server, a handler", "src/server/a.ts", "../builtin/cors.ts"],
    ["interceptors", "src/interceptors/a.ts", "../client/channel.ts"],
    ["builtin", "src/builtin/a.ts", "../observe/logger.ts"],
    ["observe", "src/observe/a.ts", "../service/run.ts"],
    ["a room, an entrance", "src/service/a.ts", "../index.ts"],
    ["a room, a service", "src/service/a.ts", "../services/name/service.ts"],
    ["a room that the design does not have", "src/stuff/a.ts", "../call/call.ts"],
    ["service, a web framework", "src/service/a.ts", "koa"],
    ["a service, a room", "src/services/a/a.ts", "../../call/current.ts"],
    ["a service, an entrance by its file", "src/services/a/a.ts", "../../index.ts"],
    ["a service, the inside of the package", "src/services/a/a.ts", "portico/dist/call/call.js"],
    ["a service, the tools", "src/services/a/a.ts", "../../../tools/ports.ts"],
    ["the client's entrance", "src/client.ts", "./service/run.ts"],
  ])("a wrong arrow is found: of %s", (_name, path, specifier) => {
    for (const line of [
      `import { a } from "${specifier}";`,
      `import type { A } from "${specifier}";`,
      `export { a } from "${specifier}";`,
    ]) {
      expect(wrongArrows([module(path, line)])).toHaveLength(1);
    }
  });

  test("a cycle is found, of types too, and named in whole", () => {
    const circle = [
      module("src/a/a.ts", 'import { b } from "./b.ts";'),
      module("src/a/b.ts", 'import type { C } from "./c.ts";'),
      module("src/a/c.ts", 'export { b } from "./b.ts";'),
    ];
    expect(cycles(circle)).toEqual(["src/a/b.ts -> src/a/c.ts -> src/a/b.ts"]);
  });

  test("an import past a room's index is found", () => {
    const index = module("src/a/index.ts");
    const inside = module("src/a/b.ts", 'import { c } from "./c.ts";');
    const outside = module("src/d/e.ts", 'import { c } from "../a/c.ts";', 'import { d } from "../a/index.ts";');
    expect(privateImports([index, inside, outside])).toEqual([
      "src/d/e.ts must not import src/a/c.ts, but the index.ts beside it",
    ]);
  });

  test("what is loaded is told by way of others, and what is erased is not loaded", () => {
    const chain = [
      module("src/client.ts", 'export { a } from "./client/a.ts";'),
      module("src/client/a.ts", 'import { type B } from "./b.ts";', 'import type { Z } from "zod";'),
      module("src/client/b.ts", 'import pino from "pino";'),
    ];
    expect([...loadedBy("src/client.ts", chain)]).toEqual([
      "src/client.ts",
      "src/client/a.ts",
      "src/client/b.ts",
      "pino",
    ]);
  });
});
