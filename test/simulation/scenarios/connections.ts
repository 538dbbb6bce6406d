import type { VirtualScenario } from "../fault-run.ts";
import { connectionsOf, failAtOnce, resetAll, setConnecting, someFail, underWay, withAll, withNew } from "./stage.ts";

/** What goes wrong before a connection is there. */
export const connecting: readonly VirtualScenario[] = [
  {
    name: "full accept backlog",
    isThereFirst: true,
    faultMs: 2600,
    begin: (stage) => setConnecting(stage, "ignore"),
    end: (stage) => setConnecting(stage, "accept"),
    complaints: someFail,
  },
  {
    name: "SETTINGS never sent",
    isThereFirst: true,
    faultMs: 1500,
    begin: (stage) =>
      withNew(stage, ({ link }) => {
        link.toClient = "swallow";
      }),
    end: (stage) => {
      withNew(stage, () => undefined);
      resetAll(stage);
    },
    complaints: someFail,
  },
];

/** What happens to connections that are there. */
export const connections: readonly VirtualScenario[] = [
  {
    // The connection stays dead: the fault is over once a client may have found out, by a deadline and a second for a PING.
    name: "black-holed connection",
    faultMs: 1500,
    begin: (stage) => {
      for (const { link } of connectionsOf(stage)) {
        link.toClient = "swallow";
        link.toServer = "swallow";
      }
    },
    complaints: someFail,
  },
  {
    name: "ping never answered",
    faultMs: 1500,
    begin: (stage) => {
      for (const { link } of connectionsOf(stage)) link.toClient = "swallow";
    },
    complaints: someFail,
  },
  {
    name: "network that stands still for a second",
    faultMs: 1000,
    begin: (stage) => {
      setConnecting(stage, "ignore");
      for (const { link } of connectionsOf(stage)) {
        link.toClient = "hold";
        link.toServer = "hold";
      }
    },
    end: (stage) => {
      setConnecting(stage, "accept");
      for (const { link } of connectionsOf(stage)) link.release();
    },
    complaints: someFail,
  },
  {
    name: "half-closed socket",
    faultMs: 50,
    begin: (stage) => underWay(stage, ({ link }) => link.halfClose()),
    end: ({ backends: [{ temper }] }) => {
      temper.delayMs = 4;
    },
    complaints: failAtOnce,
  },
  {
    name: "connection reset",
    faultMs: 50,
    begin: (stage) => underWay(stage, ({ link }) => link.reset()),
    end: ({ backends: [{ temper }] }) => {
      temper.delayMs = 4;
    },
    complaints: failAtOnce,
  },
  {
    name: "kill -9 and restart on the same port",
    faultMs: 500,
    begin: (stage) => {
      setConnecting(stage, "refuse");
      resetAll(stage);
    },
    end: (stage) => setConnecting(stage, "accept"),
    complaints: someFail,
  },
  {
    name: "body cut in a frame",
    faultMs: 600,
    begin: (stage) => withAll(stage, ({ link }) => link.cutAfter(300)),
    end: (stage) => withAll(stage, ({ link }) => link.cutAfter(Number.POSITIVE_INFINITY)),
    complaints: someFail,
  },
];
