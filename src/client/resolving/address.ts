import type { Address } from "./resolver.ts";

/** What may stand before a port. The URL parser, which decides in the end, would drop white space and undo escapes. */
const NAME = /^[^\s[\]:@/\\?#%,]+$/;
const IPV6_LITERAL = /^\[[0-9A-Fa-f:.]+\]$/;

/**
 * Reads `host:port`, an IPv6 address in brackets. The host becomes what URLs make of it: in lower case, names beyond ASCII
 * in punycode, addresses in their shortest form.
 *
 * @throws Error whose message goes on from the address: `has no port, …`
 */
export function parseAddress(text: string): Address {
  const [isAddress, host = "", port = ""] = /^(\[[^\]]*\]|[^:]*):(.*)$/s.exec(text) ?? [];
  if (isAddress === undefined) {
    throw new Error("has no port, which has to stand behind the host, from 1 to 65535");
  }
  if (!/^\d{1,5}$/.test(port) || !isPort(Number(port))) {
    throw new Error("has no port from 1 to 65535 behind its first colon (an IPv6 address stands in brackets)");
  }
  if (!(NAME.test(host) || IPV6_LITERAL.test(host)) || !URL.canParse(`http://${host}/`)) {
    throw new Error("has no possible host before its port: a name, an IPv4 address, or an IPv6 address in brackets");
  }
  return { host: withoutBrackets(new URL(`http://${host}/`).hostname), port: Number(port) };
}

/** Writes `host:port`, an IPv6 address in brackets. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Drops addresses that stand in the list before. */
export function distinctAddresses(addresses: readonly Address[]): readonly Address[] {
  return [...new Map(addresses.map((address) => [formatAddress(address), address])).values()];
}

export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/** The host that a URL names, without the brackets of an IPv6 address. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

/** What is wrong with what a resolver found, in words; undefined where nothing is. */
export function addressesProblem(addresses: readonly Address[]): string | undefined {
  if (addresses.length === 0) {
    return "the resolver found no address";
  }
  const wrong = addresses.find(({ host, port }) => host === "" || !isPort(port));
  return wrong && `the resolver gave ${JSON.stringify(wrong)}, and an address has a host and a port from 1 to 65535`;
}
