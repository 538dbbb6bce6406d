import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { ConnectionError, ErrorCode, errorCodeName, type Stream, WindowBudget } from "../http2/index.ts";
import { Http2Socket } from "../sockets/http2-socket.ts";
import { Admission } from "./admission.ts";
import type { Serving } from "./arrival.ts";
import type { Carrier } from "./carrier.ts";
import type { Connection } from "./connection.ts";
import { Http2Exchange } from "./http2-exchange.ts";
import type { Http2Peer } from "./http2-peer.ts";
import { Http2Request } from "./http2-request.ts";
import type { PortLimits } from "./limits.ts";
import type { MemoryAccount } from "./memory-account.ts";

/** Windows grow into this share of what the process may buffer. */
const WINDOW_BUDGET_SHARE = 1 / 16;
/** What a peer may send on all streams before any of it is read; grows with the bandwidth-delay product. */
const CONNECTION_WINDOW_BYTES = 256 * 1024;
const MAX_STREAM_WINDOW_BYTES = 4 * 1024 * 1024;

export interface Http2CarrierOptions {
  readonly limits: PortLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly serving: Serving;
  /** What peers have waiting; shared by all that the port buffers. */
  readonly memory: MemoryAccount<Connection>;
  /** Counts a connection that was ended for what its peer did. */
  onAbuse(): void;
}

/** Speaks HTTP/2 by our own engine. */
export function createHttp2Carrier({ limits, clock, log, serving, memory, onAbuse }: Http2CarrierOptions): Carrier {
  const windowBudget = new WindowBudget(limits.bufferedBytes * WINDOW_BUDGET_SHARE);

  function accept(connection: Connection): void {
    const { socket } = connection;
    const http2 = new Http2Socket(
      socket,
      {
        role: "server",
        now: clock.now(),
        random: Math.random,
        maxConcurrentStreams: limits.streamsPerConnection,
        headerListBytes: limits.headerListBytes,
        outputBytes: limits.outputBytes,
        connectionWindowBytes: CONNECTION_WINDOW_BYTES,
        maxStreamWindowBytes: MAX_STREAM_WINDOW_BYTES,
        windowBudget,
        settingsTimeoutMs: limits.requestHeadMs,
        keepaliveMs: limits.pingAfterMs,
        keepaliveIdle: true,
        pingTimeoutMs: limits.pingTimeoutMs,
        idleMs: limits.idleMs,
        maxAgeMs: limits.connectionAgeMs,
      },
      { onStream, onPeerSettings: () => undefined, onGoAway: () => undefined, onOver, onFlushed },
    );
    /** What of the answers that wait is in the account. */
    let accounted = 0;
    const admission = new Admission(http2.connection, limits.outputBytes, countUnanswered, dispatch);
    connection.speaks = { protocol: "http2", peer: peerOf(http2, limits) };
    if (serving.isClosing) {
      http2.connection.leave();
    }

    function onStream(stream: Stream): Http2Request {
      // Without a head there is no stream of a server.
      const request = new Http2Request(
        connection,
        stream,
        stream.head as NonNullable<typeof stream.head>,
        memory,
        account,
      );
      stream.listener = request; // it may be answered, and over, before this returns
      const underWay = serving.begin({
        connection,
        head: request.head,
        answer: request.answer,
        isComplete: () => stream.isRemoteEnded,
        exchange: (call, client) => new Http2Exchange(request, call, client),
      });
      request.underWay = underWay;
      request.onOver = () => admission.leave(request);
      admission.admit(request);
      return request;
    }

    function dispatch({ underWay }: Http2Request): void {
      if (underWay !== undefined) {
        serving.dispatch(underWay);
      }
    }

    function countUnanswered(): number {
      let count = 0;
      for (const { arrival } of connection.requests) {
        count += arrival.answer.begun ? 0 : 1;
      }
      return count;
    }

    /** Takes account of the answers that wait. */
    function account(): void {
      const waiting = http2.connection.pendingBytes;
      const more = waiting - accounted;
      if (more !== 0) {
        accounted = waiting; // first: the connection may be ended for it
        memory.add(connection, more);
      }
    }

    function onFlushed(): void {
      account();
      admission.check();
    }

    function onOver(error: ConnectionError | undefined): void {
      account();
      const faults = Object.fromEntries(http2.connection.faults);
      if (error?.code === ErrorCode.CONNECT_ERROR && http2.connection.faults.size === 0) {
        log.debug({ remote_address: connection.address }, `an HTTP/2 connection ended: ${error.message}`);
        return;
      }
      if (http2.connection.faults.size > 0 || (error !== undefined && error.code !== ErrorCode.NO_ERROR)) {
        onAbuse();
        const end = error === undefined ? "NO_ERROR" : `${errorCodeName(error.code)}, ${error.message}`;
        log.warn(
          { remote_address: connection.address, faults },
          `an HTTP/2 peer broke the rules; its connection ended: ${end}`,
        );
      }
    }
  }

  return { accept };
}

function peerOf(http2: Http2Socket, limits: PortLimits): Http2Peer {
  return {
    tick: (now) => http2.tick(now, limits.writeStallMs),
    leave: () => http2.connection.leave(),
    calmDown() {
      const reason = "the service holds as much as it may, most of it for this peer";
      http2.connection.fail(new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, reason));
    },
    destroy() {
      http2.connection.fail(new ConnectionError(ErrorCode.NO_ERROR, "the service ends the connection"));
      http2.flush();
    },
  };
}
