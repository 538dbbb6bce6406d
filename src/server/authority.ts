/** RFC 3986, 3.2.2: a registered name or IPv4 address; percent-encoding has no place in a host that is served here. */
const REGISTERED_NAME = /^[A-Za-z0-9._~!$&'()*+;=-]+$/;
const IPV6_LITERAL = /^\[[0-9A-Fa-f:.]+\]$/;

/**
 * The one host that a request is for (RFC 9112, 3.2; RFC 9113, 8.3.1), or undefined where it is missing, doubled or
 * impossible.
 *
 * @param values every `host` field, `:authority` and absolute-form target of the request; they have to agree
 */
export function readAuthority(values: readonly string[]): string | undefined {
  const [authority, ...others] = values;
  if (authority === undefined || others.some((other) => other.toLowerCase() !== authority.toLowerCase())) {
    return undefined;
  }
  return isPossible(authority) ? authority : undefined;
}

/** The last that was possible: requests ask for the same one again and again. */
let lastPossible = "";

function isPossible(authority: string): boolean {
  if (authority === lastPossible && authority !== "") {
    return true;
  }
  const { host, port = "" } = splitAuthority(authority);
  const isWellFormed = (REGISTERED_NAME.test(host) || IPV6_LITERAL.test(host)) && /^\d*$/.test(port);
  // Whoever builds a URL of it must not fail: `256.0.0.1` and `a:65536` are well-formed, and impossible all the same.
  if (!isWellFormed || !URL.canParse(`http://${authority}/`)) {
    return false;
  }
  lastPossible = authority;
  return true;
}

/** Host and port of an authority; an IPv6 host keeps its brackets. */
export function splitAuthority(authority: string): { readonly host: string; readonly port: string | undefined } {
  const [, host = "", port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(authority) ?? [];
  return { host, port };
}
