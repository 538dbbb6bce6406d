import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { ConnectionError, ErrorCode, errorCodeName, type Stream, WindowBudget } from "../http2/index.ts";
import { Http2Socket } from "../sockets/http2-socket.ts";
import { Admission } from "./admission.ts";
import type { Carrier } from "./carrier.ts";
import type { Connection } from "./connection.ts";
import { Http2Exchange } from "./http2-exchange.ts";
import type { Http2Peer } from "./http2-peer.ts";
import { Http2Request, type Http2Requests } from "./http2-request.ts";
import type { PortLimits } from "./limits.ts";
import type { MemoryAccount } from "./memory-account.ts";
import type { TrustedProxies } from "./proxies.ts";
import { Received } from "./received.ts";
import { StreamHead } from "./received-head.ts";
import type { Serving } from "./serving.ts";

/** Windows grow into this share of what the process may buffer. */
const WINDOW_BUDGET_SHARE = 1 / 16;
/**
 * What a peer may send on all streams before any of it is read; grows with the bandwidth-delay product. Sixteen times what
 * it may on one: a few bodies that nobody reads must not stop the others.
 */
const CONNECTION_WINDOW_BYTES = 1024 * 1024;
const MAX_STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
/**
 * Requests are held where more than this times the output limit waits: streams whose readers are slow may well have all of
 * that limit waiting, and the calls beside them must not suffer for it; whole answers come on top.
 */
const HELD_ABOVE_OUTPUTS = 4;

/** What a connection may hold more or less than the account has: most calls come and go below it. */
const ACCOUNTED_STEP_BYTES = 16 * 1024;

export interface Http2CarrierOptions {
  readonly limits: PortLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly serving: Serving;
  readonly trustedProxies: TrustedProxies;
  /** What peers have waiting; shared by all that the port buffers. */
  readonly memory: MemoryAccount<Connection>;
  /** Counts a connection that was ended for what its peer did. */
  onAbuse(): void;
}

/** Speaks HTTP/2 by our own engine. */
export function createHttp2Carrier(options: Http2CarrierOptions): Carrier {
  const { limits, clock, log, serving, memory, onAbuse } = options;
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
      { onStream, onPeerSettings: () => undefined, onGoAway: () => undefined, onOver, onFlushed, onBug },
    );
    /** What of it is in the account. */
    let accounted = 0;
    const admission = new Admission<Http2Request>(
      http2.connection,
      () => http2.connection.openStreams.map(({ listener }) => listener as Http2Request), // by onStream
      limits.outputBytes * HELD_ABOVE_OUTPUTS,
      clock.now(),
      dispatch,
    );
    connection.speaks = { protocol: "http2", peer: peerOf(http2, limits, admission) };
    if (serving.isClosing || connection.isRetiring) {
      http2.connection.leave();
    }

    const origin = {
      address: connection.address,
      trusted: options.trustedProxies,
      isEncrypted: "encrypted" in socket,
      certificate: connection.certificate,
    };
    const requests: Http2Requests = {
      connection,
      memory,
      account,
      over(request) {
        if (request.exchange !== undefined) {
          serving.over(request.exchange);
        }
        account();
        admission.leave(request);
      },
    };

    function onStream(stream: Stream): Http2Request {
      const head = stream.head as NonNullable<typeof stream.head>; // without one there is no stream of a server
      head.memo ??= new Received(new StreamHead(head), origin);
      const received = head.memo as Received<StreamHead>; // nobody else has made anything of it
      const request = new Http2Request(requests, stream, received);
      const exchange = new Http2Exchange(request, serving.callOf(received));
      request.exchange = exchange;
      stream.listener = request; // it may be answered, and over, before this returns
      serving.begin(exchange);
      admission.admit(request);
      return request;
    }

    function dispatch({ exchange }: Http2Request): void {
      if (exchange !== undefined) {
        serving.dispatch(exchange);
      }
    }

    /** Takes account of what is held for the peer. */
    function account(): void {
      const held = http2.connection.isOver ? 0 : http2.connection.heldBytes + socket.writableLength;
      const more = held - accounted;
      if (Math.abs(more) >= ACCOUNTED_STEP_BYTES || (held === 0 && more !== 0)) {
        accounted = held; // first: the connection may be ended for it
        memory.add(connection, more);
      }
    }

    function onBug(error: unknown): void {
      log.error({ err: error }, "an HTTP/2 connection ended by a fault of ours");
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

function peerOf(http2: Http2Socket, limits: PortLimits, admission: Admission<Http2Request>): Http2Peer {
  return {
    tick(now) {
      http2.tick(now, limits.writeStallMs);
      admission.tick(now);
    },
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
