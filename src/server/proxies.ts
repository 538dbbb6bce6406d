import type { IncomingHttpHeaders } from "node:http";
import { BlockList, isIP, isIPv6 } from "node:net";

/** Knows which peers are proxies of ours, whose word on the client counts. */
export type TrustedProxies = (address: string) => boolean;

/**
 * @param cidrs addresses and blocks, such as `10.0.0.0/8` and `::1`
 * @throws Error that names the entry which is neither
 */
export function trustedProxies(cidrs: readonly string[]): TrustedProxies {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = "", bits] = cidr.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    const prefix = bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits);
    if (isIP(address) === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > (family === "ipv6" ? 128 : 32)) {
      throw new Error(`"${cidr}" is no address or CIDR block, such as 10.0.0.0/8`);
    }
    list.addSubnet(address, prefix, family);
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

const FORWARDING = /^(?:forwarded|x-forwarded-.*)$/;

/**
 * The address of the client: the peer's own, or, where the peer is a trusted proxy, the nearest address in
 * `x-forwarded-for` that is not. From any other peer `forwarded` and `x-forwarded-*` are removed, so that nobody further
 * in believes them.
 */
export function clientAddress(peerAddress: string, headers: IncomingHttpHeaders, trusted: TrustedProxies): string {
  if (!trusted(peerAddress)) {
    for (const name of Object.keys(headers)) {
      if (FORWARDING.test(name)) {
        delete headers[name];
      }
    }
    return peerAddress;
  }
  const forwardedFor = [headers["x-forwarded-for"] ?? []].flat().join(",");
  let client = peerAddress;
  for (const hop of forwardedFor.split(",").reverse()) {
    const address = hop.trim();
    if (isIP(address) === 0) {
      break;
    }
    client = address;
    if (!trusted(address)) {
      break;
    }
  }
  return client;
}

/** An IPv4 address that a dual-stack socket reports as IPv6 (`::ffff:127.0.0.1`), in its own form. */
export function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/, "") ?? "";
}
