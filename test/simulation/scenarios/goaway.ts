import type { Stream } from "../../../src/http2/index.ts";
import { goAwayFrame } from "../../support/frame-server.ts";
import type { EchoServer } from "../echo-server.ts";
import type { VirtualScenario, VirtualStage } from "../fault-run.ts";
import type { LinkedServer } from "../link-network.ts";
import { allSucceed, connectionsOf } from "./stage.ts";

/** Of a burst the first streams are processed, and so many more come before the peer leaves. */
const [PROCESSED, ABOVE] = [10, 10];

/** @param leave called with the last stream that was processed once enough others have come */
function goAway(
  name: string,
  processed: number,
  leave: (stage: VirtualStage, connection: LinkedServer, last: number) => void,
): VirtualScenario {
  return {
    name: `GOAWAY in a burst, last id ${name}`,
    faultMs: 600,
    begin: (stage) => {
      const [{ temper, connections: made }] = stage.backends;
      const leaving = made[0] as LinkedServer; // calls went well before
      let [count, last] = [0, leaving.server.highest];
      temper.delayMs = 60;
      temper.spoil = (stream: Stream, server: EchoServer) => {
        if (server !== leaving.server) return false;
        count++;
        if (count <= processed) last = stream.id;
        if (count === processed + ABOVE) leave(stage, leaving, last);
        return count > processed;
      };
      stage.burst(40, "once", 1000);
      stage.burst(10, "converse", 1000);
    },
    complaints: allSucceed,
  };
}

/** A server that leaves while calls come. */
export const goAways: readonly VirtualScenario[] = [
  goAway("0 of the burst", 0, (_stage, { link }, last) => link.inject(goAwayFrame(last))),
  goAway("in the middle", PROCESSED, (_stage, { link }, last) => link.inject(goAwayFrame(last))),
  goAway("the last processed", PROCESSED, ({ clock }, { link }, last) => {
    clock.schedule(100, () => link.inject(goAwayFrame(last)));
  }),
  {
    // As servers leave that drain: they announce it, and say what was the last once the client knows (RFC 9113, 6.8).
    name: "GOAWAY in a burst, last id 2^31-1 and then final",
    faultMs: 600,
    begin: (stage) => {
      stage.backends[0].temper.delayMs = 60;
      stage.burst(40, "once", 1000);
      stage.clock.schedule(1, () => {
        stage.burst(10, "converse", 1000);
        for (const { server } of connectionsOf(stage)) server.http2.connection.leave();
      });
    },
    complaints: allSucceed,
  },
];
