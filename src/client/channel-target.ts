import type { ChannelOptions } from "./channel-options.ts";
import type { ChannelSurroundings } from "./channel-surroundings.ts";
import { dnsResolver } from "./resolving/dns-resolver.ts";
import type { Resolver } from "./resolving/resolver.ts";
import { staticResolver } from "./resolving/static-resolver.ts";
import { parseTarget } from "./resolving/target.ts";

/** What a channel goes to. */
export interface ChannelTarget {
  /** For people: the target in its shortest form. */
  readonly name: string;
  /** What requests are addressed to, with a path in front of the services' if there is one. */
  readonly url: URL;
  readonly resolver: Resolver;
  /** It is a URL, and so has one backend, which errors name as the target is named. */
  readonly isUrl: boolean;
}

/**
 * @param isSecure whether TLS is spoken where the target does not say
 * @throws Error that says what is wrong with the target, and what is possible; it repeats nothing that may be a secret
 */
export function readTarget(
  target: string | Resolver,
  { dnsIntervalMs }: ChannelOptions,
  isSecure: boolean,
  { clock, random }: Pick<ChannelSurroundings, "clock" | "random">,
): ChannelTarget {
  const scheme = isSecure ? "https" : "http";
  if (typeof target !== "string") {
    const { authority } = target;
    if (!URL.canParse(`${scheme}://${authority}`)) {
      throw new Error(
        `the resolver's authority ${JSON.stringify(authority)} is no host with a port, such as orders:50051`,
      );
    }
    return { name: authority, url: new URL(`${scheme}://${authority}`), resolver: target, isUrl: false };
  }
  const parsed = parseTarget(target);
  const { text: name, authority, path } = parsed;
  const url = new URL(`${parsed.scheme ?? scheme}://${authority}${path}`);
  switch (parsed.kind) {
    case "url":
    case "static":
      return { name, url, resolver: staticResolver(parsed.addresses, authority), isUrl: parsed.kind === "url" };
    case "dns":
      return { name, url, resolver: dnsResolver(parsed, { clock, random, intervalMs: dnsIntervalMs }), isUrl: false };
  }
}
