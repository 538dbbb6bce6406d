import type { Header } from "./schema.ts";

/** Names and values as the suite writes them. */
export function protoHeaders(fields: Headers | URLSearchParams): Pick<Header, "name" | "value">[] {
  const byName = Map.groupBy(fields, ([name]) => name);
  return [...byName].map(([name, lines]) => ({ name, value: lines.map(([, value]) => value) }));
}

export function appendHeaders(fields: Headers, added: readonly Pick<Header, "name" | "value">[]): void {
  for (const { name, value } of added) {
    for (const one of value) {
      fields.append(name, one);
    }
  }
}
