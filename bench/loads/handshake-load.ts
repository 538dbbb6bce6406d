import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { ServerCertificate } from "./certificate.ts";
import { expectRefusal, type HandshakeTarget, shakeHands } from "./handshake.ts";
import { takeOrders } from "./orders.ts";

/** Whole with the server's certificate alone, whole with those of both, or resumed by a ticket. */
export type HandshakeKind = "whole" | "mutual" | "resumed";

/** What the load of handshakes is to do. */
export interface HandshakeOrder {
  readonly handshake: HandshakeKind;
  readonly port: number;
  readonly certificate: ServerCertificate;
  /** The server answers calls. */
  readonly isCalled: boolean;
  /** Connections that are under way at a time. */
  readonly connections: number;
  readonly count: number;
}

takeOrders(async ({ handshake, port, certificate, isCalled, connections, count }: HandshakeOrder) => {
  const { authority, client } = certificate;
  const ca = readFileSync(authority);
  const stranger = createSecureContext({ ca });
  const known = { cert: readFileSync(client.certificate), key: readFileSync(client.key), ca };
  const { fingerprint256 } = new X509Certificate(readFileSync(certificate.certificate));
  const target: HandshakeTarget = {
    port,
    secureContext: handshake === "mutual" ? createSecureContext(known) : stranger,
    fingerprint: fingerprint256,
    isCalled,
  };
  // One in hundreds, which is not counted.
  const first = { ...target, secureContext: stranger };
  const ticket = handshake === "mutual" ? await expectRefusal(first) : await shakeHands(first);
  let begun = 0;
  const shakeOnAndOn = async () => {
    while (begun++ < count) {
      await shakeHands(target, handshake === "resumed" ? ticket : undefined);
    }
  };
  await Promise.all(Array.from({ length: connections }, shakeOnAndOn)).finally(() => {
    begun = count; // where one has failed, the others end with it
  });
});
