import { readAuthority } from "./authority.ts";
import type { ClientView } from "./proxies.ts";

/** Where a request goes, read and checked. */
export interface Target {
  readonly path: string;
  readonly query: string;
  readonly authority: string;
  /** Where a trusted proxy says it; otherwise it is the connection's own. */
  readonly scheme: "http" | "https" | undefined;
}

/** What is read of a request's head. */
interface TargetHead {
  readonly url: string;
  readonly method: string;
  /** Every value of a field, by its lower-case name. */
  values(name: string): readonly string[];
}

const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)(.*)$/is;

/**
 * Where a request goes, or undefined where that cannot be told (RFC 9112, 3.2; RFC 9113, 8.3.1).
 *
 * @param client what a trusted proxy says of host and scheme counts before the request's own
 */
export function readTarget(request: TargetHead, client?: ClientView): Target | undefined {
  const [, absoluteAuthority, absolutePath] = request.url.startsWith("/")
    ? []
    : (ABSOLUTE_FORM.exec(request.url) ?? []);
  const url =
    absolutePath === undefined ? request.url : absolutePath.startsWith("/") ? absolutePath : `/${absolutePath}`;
  const hosts = request.values("host");
  const authority = readAuthority([
    ...(absoluteAuthority === undefined ? [] : [absoluteAuthority]),
    ...request.values(":authority"),
    ...hosts,
  ]);
  if (
    authority === undefined ||
    hosts.length > 1 ||
    !(url.startsWith("/") || (url === "*" && request.method === "OPTIONS"))
  ) {
    return undefined;
  }
  const forwarded = client?.authority === undefined ? undefined : readAuthority([client.authority]);
  return { ...splitUrl(url), authority: forwarded ?? authority, scheme: client?.scheme };
}

/** Path and query of an origin-form URL. */
export function splitUrl(url: string): { readonly path: string; readonly query: string } {
  const at = url.indexOf("?");
  return at === -1 ? { path: url, query: "" } : { path: url.slice(0, at), query: url.slice(at + 1) };
}
