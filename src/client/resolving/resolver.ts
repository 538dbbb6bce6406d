/** Where a backend is. */
export interface Address {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  /** From 1 to 65535. */
  readonly port: number;
}

/** Told of what a resolver finds. A resolution that is closed tells nothing more. */
export interface ResolverListener {
  /**
   * All backends that there are now, in the resolver's order; a backend that is not among them any more gets no further
   * call, and finishes those that it has. May be called any number of times, and takes a failure before it back. An address
   * that is listed twice is one backend. An empty list is a failure, and is told by {@link onError} instead.
   */
  onAddresses(addresses: readonly Address[]): void;
  /** Why none were found. Addresses that were found before stay in use; what calls fail with names the error. */
  onError(error: Error): void;
}

/**
 * A resolution under way. The channel closes it, and calls its methods outside of any call, so that what it starts belongs
 * to none.
 */
export interface Resolution {
  /** Look again, now if possible: a backend failed, and its replacement may have another address. */
  refresh(): void;
  /** Nobody needs addresses for now: nothing should be looked up until {@link resume}. Default: does nothing. */
  pause?(): void;
  /** Addresses are needed again: look again if what was found is old. Default: does nothing. */
  resume?(): void;
  /** Ends it, with its timers and whatever it holds open; its listener is told nothing more. */
  close(): void;
}

/** Finds the backends of a target. */
export interface Resolver {
  /**
   * Host and port that requests are addressed to (`:authority`), such as `orders:50051` or `[::1]:50051`, and, without the
   * port, the name that TLS certificates are checked for: the same for every backend.
   */
  readonly authority: string;
  /** Begins to look. The listener is told later, never before this returns, and again whenever the answer changes. */
  resolve(listener: ResolverListener): Resolution;
}
