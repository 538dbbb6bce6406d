/** Who is at the other end of a call. */
export interface Peer {
  /** The address of the peer, or of the client that a trusted proxy names. */
  readonly address: string;
  /** Who the peer is by the certificate of its connection, which was verified; undefined in cleartext, and without one. */
  readonly identity?: PeerIdentity | undefined;
}

/** What a verified certificate says of its holder. Never taken from a header: behind a proxy it is the proxy's. */
export interface PeerIdentity {
  /** The id by SPIFFE, such as `spiffe://example.org/greeter`, of a certificate with exactly one URI among its names. */
  readonly spiffeId: string | undefined;
  /** The DNS names that the certificate is for, in lower case. */
  readonly dnsNames: readonly string[];
  /** The subject, as RFC 4514 writes it: `CN=greeter,O=Example`; may be empty. */
  readonly subject: string;
  /**
   * The best of them in one word, as the log has it and rules of access take it: the SPIFFE id, or else `dns:` and the first
   * name, or else `subject:` and the subject.
   */
  readonly name: string;
}
