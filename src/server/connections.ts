import type { Socket } from "node:net";
import type { Clock, Timer } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import type { PeerCertificate } from "../tls/identity.ts";
import { createCondition } from "./condition.ts";
import { Connection } from "./connection.ts";
import type { PortLimits } from "./limits.ts";

/** The connections of a port, judged by its limits each second. */
export interface Connections {
  add(socket: Socket, certificate: PeerCertificate): Connection;
  get(socket: Socket): Connection | undefined;
  readonly size: number;
  /** Resolves once none is left, but for those that were upgraded. */
  empty(): Promise<void>;
  /** Counts one that was over the limit; the log has a line for all of a second. */
  countRefused(): void;
  /**
   * Has peers connect anew, each at a moment by chance; ends what is left of them after `withinMs`. Default: all that there are.
   */
  retire(withinMs: number, old?: readonly Connection[]): void;
  /** Has every peer leave once its requests are answered. */
  leave(): void;
  /** Ends every connection, and the judging. */
  destroy(): void;
}

export interface ConnectionsOptions {
  readonly limits: PortLimits;
  readonly clock: Clock;
  readonly log: Logger;
  /** Answers a peer that does not finish the head of its request in time. */
  onHeadTimeout(connection: Connection): void;
}

const SWEEP_INTERVAL_MS = 1000;

export function createConnections({ limits, clock, log, onHeadTimeout }: ConnectionsOptions): Connections {
  const connections = new Map<Socket, Connection>();
  const empty = createCondition(() => [...connections.values()].every(({ speaks }) => speaks.protocol === "upgraded"));
  const retiring = new Set<Timer>();
  let refused = 0;
  let sweeping: Timer = clock.schedule(SWEEP_INTERVAL_MS, sweep);

  function sweep(): void {
    const now = clock.now();
    for (const connection of connections.values()) {
      apply(connection, now);
    }
    if (refused > 0) {
      log.warn({ refused, limit: limits.connections }, "connections were refused: the port has as many as it takes");
      refused = 0;
    }
    sweeping = clock.schedule(SWEEP_INTERVAL_MS, sweep);
  }

  function apply(connection: Connection, now: number): void {
    switch (connection.judge(limits, now)) {
      case "keep":
        break;
      case "head-timeout":
        onHeadTimeout(connection);
        break;
      case "close":
        connection.destroy();
    }
  }

  function later(delayMs: number, act: () => void): void {
    const timer = clock.schedule(delayMs, () => {
      retiring.delete(timer);
      act();
    });
    retiring.add(timer);
  }

  /** Ends those that have not left by themselves. */
  function end(old: readonly Connection[]): void {
    const left = old.filter(({ socket }) => connections.has(socket));
    // Over HTTP/2 those without a request are gone; over HTTP/1.1 they wait for one.
    const busy = left.filter(({ speaks, isIdle }) => speaks.protocol === "http2" || !isIdle);
    if (busy.length > 0) {
      log.warn(
        { connections: busy.length },
        "connections with requests are ended: a renewed certificate has replaced theirs",
      );
    }
    for (const connection of left) {
      connection.destroy();
    }
  }

  return {
    add(socket, certificate) {
      const connection = new Connection(socket, certificate, clock);
      connections.set(socket, connection);
      socket.on("close", () => {
        connections.delete(socket);
        empty.check();
      });
      socket.on("error", (error) => {
        log.debug({ err: error }, "a connection failed");
        for (const request of connection.requests) {
          request.lose();
        }
      });
      return connection;
    },
    get: (socket) => connections.get(socket),
    get size() {
      return connections.size;
    },
    empty: empty.wait,
    countRefused() {
      refused++;
    },
    retire(withinMs, old = [...connections.values()]) {
      for (const connection of old) {
        later((withinMs / 2) * Math.random(), () => connection.retire());
      }
      later(withinMs, () => end(old));
    },
    leave() {
      for (const connection of connections.values()) {
        connection.leave();
      }
    },
    destroy() {
      sweeping.cancel();
      for (const timer of retiring) {
        timer.cancel();
      }
      for (const connection of connections.values()) {
        connection.destroy();
      }
    },
  };
}
