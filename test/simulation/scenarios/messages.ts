import { ErrorCode, type Stream } from "../../../src/http2/index.ts";
import type { VirtualScenario } from "../fault-run.ts";
import { connectionsOf, someFail, withAll, withNew } from "./stage.ts";

function spoiling(name: string, spoil: (stream: Stream) => void): VirtualScenario {
  return {
    name,
    faultMs: 600,
    begin: ({ backends }) => {
      for (const { temper } of backends) {
        temper.spoil = (stream) => {
          spoil(stream);
          return true;
        };
      }
    },
    end: ({ backends }) => {
      for (const { temper } of backends) temper.spoil = undefined;
    },
    complaints: someFail,
  };
}

/** What happens to calls while their connection goes on. */
export const messages: readonly VirtualScenario[] = [
  spoiling("RST_STREAM(NO_ERROR) before headers", (stream) => stream.reset(ErrorCode.NO_ERROR)),
  spoiling("REFUSED_STREAM", (stream) => stream.reset(ErrorCode.REFUSED_STREAM)),
  {
    name: "zero windows",
    faultMs: 800,
    begin: (stage) => withAll(stage, ({ server }) => server.http2.connection.changeSettings({ initialWindowBytes: 0 })),
    end: (stage) => {
      withNew(stage, () => undefined);
      for (const { server } of connectionsOf(stage)) {
        server.http2.connection.changeSettings({ initialWindowBytes: 65_535 });
      }
    },
    complaints: someFail,
  },
  {
    name: "trailers missing",
    faultMs: 600,
    begin: ({ backends: [{ temper }] }) => {
      temper.omitsTrailers = true;
    },
    end: ({ backends: [{ temper }] }) => {
      temper.omitsTrailers = false;
    },
    complaints: someFail,
  },
];
