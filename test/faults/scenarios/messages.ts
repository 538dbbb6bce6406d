import { FLAG, FRAME, type Frame, frame } from "../../support/frames.ts";
import { startBackend } from "../backend.ts";
import type { CallRecord } from "../call-record.ts";
import { withoutTrailers } from "../envelopes.ts";
import { failAtOnce, happened, inFault, noneSucceeds } from "../facts.ts";
import { startHttp1Peer } from "../http1-peer.ts";
import type { PeerScript } from "../peer-link.ts";
import type { Scenario, Stage } from "../scenario.ts";
import { startScriptedPeer } from "../scripted-peer.ts";

/** How bodies are spoilt, over either version of HTTP. */
interface Spoiling {
  readonly script: () => PeerScript;
  readonly body: (body: Buffer) => Buffer;
}

const isLast = ({ flags }: Frame) => (flags & FLAG.endStream) !== 0;
const END = (stream: number, payload: Buffer = Buffer.alloc(0)) => frame(FRAME.data, FLAG.endStream, stream, payload);

const noTrailers: Spoiling = {
  script: () => ({
    fromServer(received) {
      if (!isLast(received) || received.type > FRAME.headers) return undefined;
      const { type, stream, payload } = received;
      return [END(stream, type === FRAME.data ? withoutTrailers(payload) : undefined)];
    },
  }),
  body: withoutTrailers,
};

/** Half of the first message, and then the orderly end of the stream. */
const halfAMessage: Spoiling = {
  script() {
    const ended = new WeakMap<object, Set<number>>();
    return {
      fromServer({ type, stream, payload }, link) {
        if (type > FRAME.headers) return undefined;
        const those = ended.get(link) ?? new Set();
        ended.set(link, those);
        if (those.has(stream)) return [];
        if (type !== FRAME.data || payload.length === 0) return undefined;
        those.add(stream);
        return [END(stream, payload.subarray(0, payload.length / 2))];
      },
    };
  },
  body: (body) => body.subarray(0, body.length / 2),
};

async function behindSpoiler({ client, use }: Stage, { script, body }: Spoiling) {
  const backend = use(await startBackend());
  const setting = (port: number) => ({ target: { port, addresses: ["127.0.0.1"] }, backends: [backend] });
  if (client.httpVersion === "1.1") {
    const peer = use(await startHttp1Peer(backend.port));
    return {
      backend,
      setting: { ...setting(peer.port), begin: () => peer.alter(body), end: () => peer.alter(undefined) },
    };
  }
  const peer = use(await startScriptedPeer(backend.port));
  return {
    backend,
    setting: { ...setting(peer.port), begin: () => peer.play(script()), end: () => peer.play(undefined) },
  };
}

/** Calls that were certainly spoilt: begun in the fault and over in it, and made once. */
function spoilt(calls: readonly CallRecord[], isOne: (call: CallRecord) => boolean): readonly CallRecord[] {
  return calls.filter((call) => call.kind !== "idempotent" && isOne(call));
}

function spoiling(name: string, how: Spoiling, isSpoilt: (stage: Stage) => (call: CallRecord) => boolean): Scenario {
  return {
    name,
    faultMs: 600,
    async open(stage) {
      const { backend, setting } = await behindSpoiler(stage, how);
      backend.temper.fillingBytes = 100;
      return {
        ...setting,
        complaints(facts) {
          const those = spoilt(inFault(facts, 150), isSpoilt(stage));
          return [...happened(those.length, "call was spoilt"), ...noneSucceeds(those), ...failAtOnce(those, 250)];
        },
      };
    },
  };
}

/** Answers of which not all comes, over connections that are fine. */
export const messages: readonly Scenario[] = [
  // A unary answer of Connect's has no trailers to miss.
  spoiling("trailers missing", noTrailers, ({ client }) =>
    client.protocol === "connect" ? ({ kind }) => kind === "watch" || kind === "converse" : () => true,
  ),
  spoiling("body ends in a message", halfAMessage, () => () => true),
];
