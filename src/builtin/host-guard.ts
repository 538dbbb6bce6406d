import { splitAuthority } from "../server/authority.ts";
import type { Exchange, Handler } from "../wire/exchange.ts";
import { refuse } from "../wire/refuse.ts";

const LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Refuses what a browser sends to a host that is not known: a page of a stranger could otherwise read a service in
 * development by having its own name resolve to this machine (DNS rebinding).
 *
 * @param allowedHosts host names besides those of this machine, without ports
 */
export function hostGuard(allowedHosts: readonly string[]): Handler {
  const known = new Set([...LOCAL_HOSTS, ...allowedHosts].map((host) => host.toLowerCase()));
  return (exchange) => {
    if (!isFromBrowser(exchange)) {
      return undefined;
    }
    const host = splitAuthority(exchange.authority).host.toLowerCase();
    if (known.has(host)) {
      return undefined;
    }
    const detail = `browsers may not use the host ${host} in development; to allow it, set ALLOWED_HOSTS=${host}`;
    return refuse(exchange, 403, detail);
  };
}

/**
 * A browser's request has `Origin` or `Sec-Fetch-Site`, but not a GET of a page to its own host where that is neither
 * localhost nor https: just the one that DNS rebinding makes. What is left then is the name that every browser has.
 */
function isFromBrowser(exchange: Exchange): boolean {
  return (
    exchange.field("origin") !== undefined ||
    exchange.field("sec-fetch-site") !== undefined ||
    exchange.field("user-agent")?.startsWith("Mozilla/") === true
  );
}
