import { posix } from "node:path";

export interface Instruction {
  readonly name: string;
  readonly value: string;
}

export interface Stage {
  /** What others call it; the last stage may have no name. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  /** The `ARG`s before the first stage with their defaults. */
  readonly args: ReadonlyMap<string, string>;
  readonly stages: readonly Stage[];
}

/** Reads the part of the Dockerfile language that this repository uses; whoever interprets it refuses the rest by name. */
export function parseDockerfile(text: string): Dockerfile {
  const lines = text
    .replace(/^\s*#.*\n?/gm, "")
    .replace(/\\\n/g, " ")
    .split("\n");
  const instructions = lines.flatMap((line) => {
    const [, name, value] = /^\s*([A-Za-z]+)\s+(.*?)\s*$/.exec(line) ?? [];
    return name !== undefined && value !== undefined ? [{ name: name.toUpperCase(), value }] : [];
  });
  const args = new Map<string, string>();
  const stages: { name: string; instructions: Instruction[] }[] = [];
  for (const instruction of instructions) {
    const stage = stages.at(-1);
    if (instruction.name === "FROM") {
      stages.push({ name: / AS (\S+)$/i.exec(instruction.value)?.[1] ?? `stage-${stages.length}`, instructions: [] });
    } else if (stage !== undefined) {
      stage.instructions.push(instruction);
    } else if (instruction.name === "ARG") {
      const [name = "", ...value] = instruction.value.split("=");
      args.set(name, value.join("="));
    } else {
      throw new Error(`${instruction.name} before the first FROM`);
    }
  }
  return { args, stages };
}

/** Whether a path of the repository (posix, relative) is in the build context: the last pattern that matches it, or a folder that holds it, decides. */
export function parseDockerignore(text: string): (path: string) => boolean {
  const rules = text
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => ({ sends: line.startsWith("!"), pattern: line.replace(/^!/, "").trim() }));
  return (path) => {
    const parts = path.split("/");
    const prefixes = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
    const last = rules.findLast(({ pattern }) => prefixes.some((prefix) => posix.matchesGlob(prefix, pattern)));
    return last?.sends ?? true;
  };
}
