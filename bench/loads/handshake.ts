import { once } from "node:events";
import { connect, type SecureContext, type TLSSocket } from "node:tls";
import { type FrameClient, speakFrames } from "./frame-client.ts";
import type { Field } from "./hpack.ts";
import { named, PROCESS_NAME } from "./messages.ts";

/** Whom handshakes are made with, on this machine. */
export interface HandshakeTarget {
  readonly port: number;
  /** What this side trusts, and what it has to show where it is asked. */
  readonly secureContext: SecureContext;
  /** The SHA-256 fingerprint of the server's certificate. */
  readonly fingerprint: string;
  /** The server answers calls. */
  readonly isCalled: boolean;
}

const REQUEST = named("test");
const ANSWER = named("TEST");
const FIELDS: readonly Field[] = [
  [":path", PROCESS_NAME],
  [":authority", "localhost"],
  ["content-type", "application/grpc"],
  ["user-agent", "portico-bench"],
  ["te", "trailers"],
];

/**
 * Makes one connection and sees it through: the handshake, a gRPC call where the server takes any, and the close by both
 * sides. That the server has done its part of a whole handshake is known by the ticket that it sends after it.
 *
 * @param ticket of a session to resume; without it, a whole handshake is made
 * @returns a ticket for the next, which is the same where there was one
 * @throws Error where the handshake is not by TLS 1.3, is resumed or whole against what was asked, or the server is
 *   another or not to be trusted; and where the server refuses, answers wrongly, or closes first
 */
export async function shakeHands(target: HandshakeTarget, ticket?: Buffer): Promise<Buffer> {
  const { port, secureContext, isCalled } = target;
  const socket = connect({
    host: "127.0.0.1",
    port,
    servername: "localhost",
    secureContext,
    ALPNProtocols: ["h2"],
    session: ticket,
  });
  const closed = once(socket, "close");
  const early = closed.then(() => {
    throw new Error("The server has closed a connection.");
  });
  const ticketed = new Promise<Buffer>((resolve) => socket.once("session", resolve));
  try {
    await Promise.race([once(socket, "secureConnect"), early]);
    check(socket, target, ticket !== undefined);
    const client = isCalled ? await Promise.race([call(socket), early]) : socket.resume();
    // Node's servers send none to whoever has one.
    const next = ticket ?? (await Promise.race([ticketed, early]));
    client.end();
    await closed;
    return next;
  } finally {
    socket.destroy();
  }
}

/**
 * Sees to it that a server sends clients away that show no certificate: they cannot see whether it looks at one.
 *
 * @param target with a context that has none
 */
export async function expectRefusal(target: HandshakeTarget): Promise<undefined> {
  const isTaken = await shakeHands(target).then(
    () => true,
    () => false,
  );
  if (isTaken) throw new Error("The server takes clients without a certificate.");
}

function check(socket: TLSSocket, { fingerprint }: HandshakeTarget, isToResume: boolean): void {
  const protocol = socket.getProtocol();
  const isResumed = socket.isSessionReused();
  // A session that is resumed brings no certificate; that the server could go on with it says who it is.
  const isPeer = isResumed || socket.getPeerX509Certificate()?.fingerprint256 === fingerprint;
  const faults = [
    ...(protocol === "TLSv1.3" ? [] : [`it is by ${protocol}`]),
    ...(isResumed === isToResume ? [] : [isResumed ? "its session was resumed" : "its session is new"]),
    ...(socket.authorized ? [] : [`the server is not trusted: ${socket.authorizationError}`]),
    ...(isPeer ? [] : ["the server has another certificate"]),
  ];
  if (faults.length > 0) throw new Error(`The handshake is not what it should be: ${faults.join("; ")}.`);
}

/** Makes a call, and comes back when it is answered. */
function call(socket: TLSSocket): Promise<FrameClient> {
  return new Promise((resolve, reject) => {
    const client = speakFrames(socket, "https", reject);
    let answer: Buffer = Buffer.alloc(0);
    client.open(FIELDS, REQUEST, true, {
      onData(payload) {
        answer = Buffer.concat([answer, payload]);
      },
      onEnd() {
        if (answer.equals(ANSWER)) resolve(client);
        else reject(new Error(`The answer is a message of ${answer.length} bytes.`));
      },
    });
  });
}
