import type { PeerCertificate } from "../tls/identity.ts";
import { type ClientView, type TrustedProxies, viewOfClient } from "./proxies.ts";
import type { ReceivedHead } from "./received-head.ts";
import { readTarget, splitUrl, type Target } from "./target.ts";

/** Where a request came by. */
export interface Origin {
  /** The peer's address. */
  readonly address: string;
  readonly trusted: TrustedProxies;
  readonly isEncrypted: boolean;
  readonly certificate: PeerCertificate;
}

/** The head of a request, and what is made of it before anybody answers. A head that comes again has it already. */
export class Received<H extends ReceivedHead = ReceivedHead> {
  readonly head: H;
  readonly client: ClientView;
  /** It came by TLS, whatever a proxy says. */
  readonly isEncrypted: boolean;
  /** What became of the certificate that the peer was asked for. */
  readonly certificate: PeerCertificate;
  /** Where it goes; undefined where that cannot be told. */
  readonly target: Target | undefined;
  readonly path: string;
  readonly query: string;
  readonly authority: string;
  readonly scheme: "http" | "https";
  /** What a handler has made of it. */
  plan: unknown;

  constructor(head: H, { address, trusted, isEncrypted, certificate }: Origin) {
    this.head = head;
    this.isEncrypted = isEncrypted;
    this.certificate = certificate;
    this.client = viewOfClient(address, head, trusted);
    const target = readTarget(head, this.client);
    this.target = target;
    this.path = target?.path ?? splitUrl(head.url).path;
    this.query = target?.query ?? "";
    this.authority = target?.authority ?? "";
    this.scheme = target?.scheme ?? (isEncrypted ? "https" : "http");
  }
}
