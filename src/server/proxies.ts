import { BlockList, isIP, isIPv6 } from "node:net";

/** Knows which peers are proxies of ours, whose word on the client counts. */
export type TrustedProxies = (address: string) => boolean;

/** The prefix is digits and nothing else: what `Number` makes of an empty one is 0, and would trust everybody. */
const CIDR = /^([^/]+)(?:\/(\d{1,3}))?$/;

/**
 * @param cidrs addresses and blocks, such as `10.0.0.0/8` and `::1`
 * @throws Error that names the entry which is neither
 */
export function trustedProxies(cidrs: readonly string[]): TrustedProxies {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [, address = "", bits] = CIDR.exec(cidr) ?? [];
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    const addressBits = family === "ipv6" ? 128 : 32;
    const prefix = bits === undefined ? addressBits : Number(bits);
    if (isIP(address) === 0 || prefix > addressBits) {
      throw new Error(`"${cidr}" is no address or CIDR block, such as 10.0.0.0/8`);
    }
    list.addSubnet(address, prefix, family);
  }
  if (cidrs.length === 0) {
    return () => false;
  }
  const known = new Map<string, boolean>();
  return (address) => {
    const remembered = known.get(address);
    if (remembered !== undefined) {
      return remembered;
    }
    const isTrusted = isIP(address) !== 0 && list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
    if (known.size >= MAX_KNOWN) {
      known.clear();
    }
    known.set(address, isTrusted);
    return isTrusted;
  };
}

/** Addresses whose answers are remembered: BlockList takes longer than all else that a request needs. */
const MAX_KNOWN = 1024;

const FORWARDING = /^(?:forwarded|x-forwarded-.*)$/i;
const LOWER_F = 0x66;
const LOWER_X = 0x78;

/** Whether a field, by its name, is a proxy's word on its client. */
export function isForwardingField(name: string): boolean {
  const first = name.charCodeAt(0) | 0x20;
  return (first === LOWER_F || first === LOWER_X) && FORWARDING.test(name);
}

/** What is known of a client, by its own connection or by the word of the proxies that are trusted. */
export interface ClientView {
  readonly address: string;
  /** How the nearest trusted proxy was reached, where it says so. */
  readonly scheme: "http" | "https" | undefined;
  readonly authority: string | undefined;
}

/**
 * What the peer, where it is a trusted proxy, says of its client by `forwarded` (RFC 7239) or `x-forwarded-*`: of its
 * address, the nearest that is not itself a trusted proxy's. From any other peer these fields are removed, so that
 * nobody further in believes them.
 */
export function viewOfClient(peerAddress: string, head: ForwardedHead, trusted: TrustedProxies): ClientView {
  if (!trusted(peerAddress)) {
    head.removeForwarding();
    return { address: peerAddress, scheme: undefined, authority: undefined };
  }
  const hops = parseForwarded(head.field("forwarded")) ?? parseXForwarded(head);
  let address = peerAddress;
  for (const hop of hops.addresses.reverse()) {
    const plain = plainAddress(hop);
    if (isIP(plain) === 0) {
      break;
    }
    address = plain;
    if (!trusted(plain)) {
      break;
    }
  }
  const scheme = hops.scheme?.toLowerCase();
  return { address, scheme: scheme === "http" || scheme === "https" ? scheme : undefined, authority: hops.authority };
}

/** What is read and changed of a request's head. */
interface ForwardedHead {
  /** The value of a field, by its lower-case name. */
  field(name: string): string | undefined;
  /** Takes every {@link isForwardingField} out. */
  removeForwarding(): void;
}

interface Hops {
  readonly addresses: string[];
  readonly scheme: string | undefined;
  readonly authority: string | undefined;
}

/** RFC 7239, 4: elements separated by commas, each of pairs separated by semicolons; values may be quoted. */
function parseForwarded(field: string | undefined): Hops | undefined {
  if (field === undefined || field === "") {
    return undefined;
  }
  const elements = field.split(",").map((element) => {
    const pairs = element.split(";").map((pair) => {
      const at = pair.indexOf("=");
      return [
        pair.slice(0, at).trim().toLowerCase(),
        pair
          .slice(at + 1)
          .trim()
          .replace(/^"(.*)"$/, "$1"),
      ] as const;
    });
    return new Map(pairs);
  });
  const last = elements.at(-1);
  return {
    addresses: elements.map((element) => withoutPort(element.get("for") ?? "")),
    scheme: last?.get("proto"),
    authority: last?.get("host"),
  };
}

function parseXForwarded(head: ForwardedHead): Hops {
  const items = (name: string) => {
    const field = head.field(name) ?? "";
    return field === "" ? [] : field.split(",").map((item) => item.trim());
  };
  return {
    addresses: items("x-forwarded-for"),
    scheme: items("x-forwarded-proto").at(-1),
    authority: items("x-forwarded-host").at(-1),
  };
}

/** `[2001:db8::1]:80` and `192.0.2.1:80` without brackets and port (RFC 7239, 6). */
function withoutPort(node: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::\d+)?|([^:]*)(?::\d+)?)$/.exec(node) ?? [];
  return bracketed ?? plain ?? node;
}

/** An IPv4 address that a dual-stack socket reports as IPv6 (`::ffff:127.0.0.1`), in its own form. */
export function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/, "") ?? "";
}
