import { goAwayFrame, PING } from "../../support/frame-server.ts";
import { FLAG, FRAME, type Frame, frame } from "../../support/frames.ts";
import { allSucceed, happened } from "../facts.ts";
import type { Burst } from "../load-plan.ts";
import type { PeerLink, PeerScript } from "../peer-link.ts";
import type { Scenario } from "../scenario.ts";
import { behindScript, http2Only } from "./scripted.ts";

/** The streams of the first connection that are processed, and how many more come before the peer goes away. */
const [PROCESSED, ABOVE] = [10, 10];
const MAX_STREAM = 0x7fff_ffff;
/** By this ping's answer a peer knows that its announcement has come (RFC 9113, 6.8). */
const ANNOUNCED = Buffer.from("goingoff");

/** Streams come after the unary calls: they are above the last, and have sent a message by the time that they know. */
const BURSTS: readonly Burst[] = [
  { calls: 40, kind: "once", timeoutMs: 1000, delayMs: 0 },
  { calls: 10, kind: "converse", timeoutMs: 1000, delayMs: 0 },
];

interface Leaving {
  readonly script: PeerScript;
  /** Streams that the peer said it would not process. */
  above(): number;
}

/** Of the first connection the first ten streams are processed, and no other: the peer says so, as `when` has it. */
function leaveAfter(processed: number, when: "at once" | "once they are answered"): Leaving {
  const above = new Set<number>();
  const below: number[] = [];
  let leaving: PeerLink | undefined;
  let hasSaid = false;
  function look(link: PeerLink): void {
    const isTime = above.size >= ABOVE && (when === "at once" || link.openStreams.size === 0);
    if (isTime && !hasSaid) {
      hasSaid = true;
      link.toClient(goAwayFrame(below.at(-1) ?? 0));
    }
    if (hasSaid && link.openStreams.size === 0) link.end();
  }
  return {
    above: () => above.size,
    script: {
      fromClient(received, link) {
        leaving ??= link;
        const { type, stream } = received;
        if (link !== leaving || stream === 0) return undefined;
        if (type === FRAME.headers) {
          if (below.length < processed) below.push(stream);
          else above.add(stream);
        }
        if (!above.has(stream)) return undefined;
        look(link);
        return [];
      },
      fromServer: (received, link) => afterwards(received, link, leaving, () => look(link)),
    },
  };
}

/** As servers leave that drain: they announce it, and say what was the last once the client knows (RFC 9113, 6.8). */
function leaveInTwoSteps(): Leaving {
  let leaving: PeerLink | undefined;
  let [streams, last, above] = [0, 0, 0];
  let step: "serving" | "announced" | "final" = "serving";
  const look = (link: PeerLink) => {
    if (step === "final" && link.openStreams.size === 0) link.end();
  };
  return {
    above: () => above,
    script: {
      fromClient({ type, flags, stream, payload }, link) {
        leaving ??= link;
        if (link !== leaving) return undefined;
        if (type === PING && (flags & FLAG.ack) !== 0 && payload.equals(ANNOUNCED)) {
          step = "final";
          link.toClient(goAwayFrame(last));
          look(link);
          return [];
        }
        if (type !== FRAME.headers) return undefined;
        if (step === "final") {
          above++;
          return [];
        }
        last = stream;
        streams++;
        if (streams === PROCESSED + ABOVE) {
          step = "announced";
          link.toClient(goAwayFrame(MAX_STREAM), frame(PING, 0, 0, ANNOUNCED));
        }
        return undefined;
      },
      fromServer: (received, link) => afterwards(received, link, leaving, () => look(link)),
    },
  };
}

/** Looks again once a frame of the service's has counted. */
function afterwards({ flags }: Frame, link: PeerLink, leaving: PeerLink | undefined, look: () => void): undefined {
  if (link === leaving && (flags & FLAG.endStream) !== 0) setImmediate(look);
}

function goAway(name: string, leave: () => Leaving, answersAfterMs: number): Scenario {
  return {
    name: `GOAWAY in a burst, last id ${name}`,
    notFor: http2Only,
    isThereFirst: true,
    faultMs: 600,
    plan: { opening: BURSTS },
    async open(stage) {
      const { backend, peer, setting } = await behindScript(stage);
      const { script, above } = leave();
      backend.temper.delayMs = answersAfterMs;
      peer.play(script);
      return {
        ...setting,
        begin: () => undefined,
        end: () => peer.play(undefined),
        complaints: ({ calls }) => [
          ...(name.startsWith("2^31") ? [] : happened(above(), "stream was above the last")),
          ...allSucceed(calls),
        ],
      };
    },
  };
}

/** A server that leaves while calls come: those above its last stream were not processed, those below are answered. */
export const goAways: readonly Scenario[] = [
  goAway("0", () => leaveAfter(0, "at once"), 4),
  goAway("the last processed", () => leaveAfter(PROCESSED, "once they are answered"), 4),
  goAway("in the middle", () => leaveAfter(PROCESSED, "at once"), 60),
  goAway("2^31-1 and then final", leaveInTwoSteps, 60),
];
