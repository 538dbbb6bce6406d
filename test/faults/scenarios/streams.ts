import { WINDOW_UPDATE } from "../../support/frame-server.ts";
import { FRAME } from "../../support/frames.ts";
import { allSucceed, failAtOnce, failed, happened, inFault } from "../facts.ts";
import { nowMs } from "../monotonic.ts";
import { SETTING } from "../peer-link.ts";
import type { Scenario } from "../scenario.ts";
import { behindScript, http2Only } from "./scripted.ts";

const [NO_ERROR, REFUSED_STREAM] = [0, 7];
const DEFAULT_WINDOW_BYTES = 65_535;
/** A stream is refused at most this often, in milliseconds: another attempt at once finds an open door. */
const REFUSE_EVERY_MS = 15;

/** What an HTTP/2 server may do to streams. */
export const streams: readonly Scenario[] = [
  {
    name: "zero windows",
    notFor: http2Only,
    faultMs: 800,
    async open(stage) {
      const { peer, setting } = await behindScript(stage);
      return {
        ...setting,
        begin() {
          peer.announce(new Map([[SETTING.initialWindowSize, 0]]));
          peer.play({
            fromServer: ({ type, stream }) => (type === WINDOW_UPDATE && stream !== 0 ? [] : undefined),
          });
        },
        end() {
          peer.play(undefined);
          peer.announce(new Map([[SETTING.initialWindowSize, DEFAULT_WINDOW_BYTES]]));
        },
        complaints: (facts) => happened(failed(inFault(facts)).length, "call failed in it"),
      };
    },
  },
  {
    name: "RST_STREAM(NO_ERROR) before headers",
    notFor: http2Only,
    faultMs: 500,
    async open(stage) {
      const { peer, setting } = await behindScript(stage);
      return {
        ...setting,
        begin: () =>
          peer.play({
            fromClient(frame, link) {
              if (frame.type !== FRAME.headers) return undefined;
              link.reset(frame.stream, NO_ERROR);
              return [];
            },
          }),
        end: () => peer.play(undefined),
        complaints(facts) {
          const those = inFault(facts, 20);
          const odd = failed(those).filter(({ code }) => code === "internal");
          return [
            ...happened(failed(those).length, "call failed in it"),
            ...failAtOnce(
              those.filter(({ kind }) => kind !== "idempotent"),
              150,
            ),
            ...(odd.length === 0 ? [] : [`${odd.length} calls are internal`]),
          ];
        },
      };
    },
  },
  {
    name: "REFUSED_STREAM",
    notFor: http2Only,
    faultMs: 600,
    async open(stage) {
      const { peer, setting } = await behindScript(stage);
      let [refused, lastMs] = [0, 0];
      return {
        ...setting,
        begin: () =>
          peer.play({
            fromClient(frame, link) {
              const now = nowMs();
              if (frame.type !== FRAME.headers || now - lastMs < REFUSE_EVERY_MS) return undefined;
              lastMs = now;
              refused++;
              link.reset(frame.stream, REFUSED_STREAM);
              return [];
            },
          }),
        end: () => peer.play(undefined),
        complaints: ({ calls }) => [...happened(refused, "stream was refused"), ...allSucceed(calls)],
      };
    },
  },
  {
    // As a process that hangs: what comes is read, and nothing is said, on a connection that was fine. Others go well.
    name: "ping never answered",
    notFor: http2Only,
    faultMs: 1600,
    async open(stage) {
      const { peer, setting } = await behindScript(stage);
      let silenced = 0;
      return {
        ...setting,
        begin() {
          const silent = new Set(peer.links);
          peer.play({
            fromServer(_frame, link) {
              if (!silent.has(link)) return undefined;
              silenced++;
              return [];
            },
          });
        },
        end: () => undefined,
        complaints: () => happened(silenced, "frame was dropped"),
      };
    },
  },
];
