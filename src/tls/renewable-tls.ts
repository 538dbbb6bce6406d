/** What a channel by TLS is given; each as PEM. */
export interface ChannelTls {
  /** Certificates of the authorities that vouch for the target. Default: those that Node trusts. */
  readonly ca?: string | Buffer;
  /** The certificate that this side shows, with its chain. Needs {@link key}. */
  readonly cert?: string | Buffer;
  /** The private key to {@link cert}. */
  readonly key?: string | Buffer;
}

/** What a channel by TLS is given, for as long as it stays the same. */
export interface RenewableTls {
  /** What connections are made with from now on: another object whenever it is another. */
  readonly current: ChannelTls;
  /** When connections that were made with something else are gone, in milliseconds from then. */
  readonly maxConnectionAgeMs: number;
  /** Days until the certificate that is shown ends; undefined where none is. */
  readonly daysLeft: number | undefined;
  /** Told when {@link current} is another. Must not throw. The function returned unsubscribes it. */
  onRenewal(listener: () => void): () => void;
}

/** What is given as it is never becomes another. */
export function renewable(tls: ChannelTls | RenewableTls): RenewableTls {
  if ("onRenewal" in tls) {
    return tls;
  }
  return {
    current: tls,
    maxConnectionAgeMs: Number.POSITIVE_INFINITY,
    daysLeft: undefined,
    onRenewal: () => () => undefined,
  };
}
