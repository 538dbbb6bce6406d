import { readAuthority } from "./authority.ts";
import type { NodeRequest, Target } from "./node-exchange.ts";

const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)(.*)$/is;

/** Where a request goes, or undefined where that cannot be told (RFC 9112, 3.2; RFC 9113, 8.3.1). */
export function readTarget(request: NodeRequest): Target | undefined {
  const [, absoluteAuthority, absolutePath] = ABSOLUTE_FORM.exec(request.url ?? "") ?? [];
  const url =
    absolutePath === undefined ? (request.url ?? "") : absolutePath.startsWith("/") ? absolutePath : `/${absolutePath}`;
  const authority = readAuthority([
    ...(absoluteAuthority === undefined ? [] : [absoluteAuthority]),
    ...fieldValues(request, ":authority"),
    ...fieldValues(request, "host"),
  ]);
  if (authority === undefined || !(url.startsWith("/") || (url === "*" && request.method === "OPTIONS"))) {
    return undefined;
  }
  return { ...splitUrl(url), authority };
}

/** Path and query of an origin-form URL. */
export function splitUrl(url: string): { readonly path: string; readonly query: string } {
  const at = url.indexOf("?");
  return at === -1 ? { path: url, query: "" } : { path: url.slice(0, at), query: url.slice(at + 1) };
}

/** Every value of a field: node:http keeps the first `host` only, and hides that there was another. */
function fieldValues(request: NodeRequest, name: string): readonly string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    if (request.rawHeaders[at]?.toLowerCase() === name) {
      values.push(request.rawHeaders[at + 1] ?? "");
    }
  }
  return values;
}
