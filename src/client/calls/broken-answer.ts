import { Code, ConnectError } from "@connectrpc/connect";

/**
 * What a call fails with whose answer ends too early or too late. It is nothing that its caller has asked for wrongly,
 * though connect-node, whose words are used, has invalid_argument for it.
 */
export function brokenAnswer(what: string): ConnectError {
  return new ConnectError(`protocol error: ${what}`, Code.Internal);
}

/** The answer ends within an envelope. */
export function brokenEnvelope(): ConnectError {
  return brokenAnswer("incomplete envelope");
}
