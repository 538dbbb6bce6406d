import type { Backend, BackendState } from "./balancing/backend.ts";
import type { Balancer } from "./balancing/balancer.ts";
import type { CallCounts } from "./calls/call-life.ts";
import type { ChannelSight } from "./channel-sight.ts";

/**
 * What a channel is doing, and has done since it was made. What is counted (`…Started`, `…Succeeded`, …) only grows; the
 * others (`…Active`, `…Waiting`, `…Open`) are as they are now.
 */
export interface ChannelStats {
  readonly target: string;
  /**
   * `ready` where a backend takes calls; else `connecting` where one is being connected to; else `failed` where none can be
   * reached; `idle` where nothing is connected, so that the next call connects; `closed` once the channel is disposed.
   */
  readonly state: "idle" | "connecting" | "ready" | "failed" | "closed";
  readonly callsStarted: number;
  readonly callsSucceeded: number;
  readonly callsFailed: number;
  readonly callsActive: number;
  /** Calls without a connection: the target is being resolved or connected to, or its peers take no more at once. */
  readonly callsWaiting: number;
  /** Calls refused because too many waited. */
  readonly callsRefused: number;
  /** Calls refused here while backends said that they were overloaded. */
  readonly callsThrottled: number;
  /** Further attempts at calls that had failed, by the policy for retries. */
  readonly retriesStarted: number;
  /** Further attempts at calls that no server can have seen. */
  readonly transparentRetriesStarted: number;
  /** Further attempts beside those under way. */
  readonly hedgesStarted: number;
  /** Retries and hedges that the budget had nothing left for. */
  readonly retriesRefused: number;
  readonly connectionsStarted: number;
  /** Connections that took calls. */
  readonly connectionsSucceeded: number;
  /** Connections that could not be made, or were lost. */
  readonly connectionsFailed: number;
  /** Connections that take calls now. */
  readonly connectionsOpen: number;
  /** Connections whose peers said that they leave. */
  readonly goawaysReceived: number;
  readonly ejectionsStarted: number;
  /** Days until the certificate ends that this side shows, negative where it has; undefined where it shows none from a file. */
  readonly certificateDaysLeft: number | undefined;
  readonly backends: readonly BackendStats[];
}

/** What a backend of a channel is doing. */
export interface BackendStats {
  /** As in `127.0.0.1:50051`. */
  readonly address: string;
  /**
   * `idle`: not connected, as the next call will have it; `connecting`; `ready`; `failed`: no connection could be made, and
   * another one is being tried, or soon will be; `draining`: it takes no further calls.
   */
  readonly state: BackendState;
  readonly isEjected: boolean;
  readonly callsActive: number;
  readonly connectionsOpen: number;
}

export function statsOf(
  target: string,
  counts: CallCounts,
  sight: ChannelSight,
  retriesRefused: number,
  balancer: Balancer,
  certificateDaysLeft: number | undefined,
): ChannelStats {
  const { started, succeeded, failed } = counts;
  const { connect, ready, lost, goaway, eject, throttle } = sight.counts;
  const backends = balancer.backends.members;
  return {
    target,
    state: stateOf(balancer, backends),
    callsStarted: started,
    callsSucceeded: succeeded,
    callsFailed: failed,
    callsActive: started - succeeded - failed,
    callsWaiting: balancer.waiting,
    callsRefused: sight.refused,
    callsThrottled: throttle,
    retriesStarted: sight.retries.retry,
    transparentRetriesStarted: sight.retries.transparent,
    hedgesStarted: sight.retries.hedge,
    retriesRefused,
    connectionsStarted: connect,
    connectionsSucceeded: ready,
    connectionsFailed: lost,
    connectionsOpen: backends.reduce((sum, { readyConnections }) => sum + readyConnections, 0),
    goawaysReceived: goaway,
    ejectionsStarted: eject,
    certificateDaysLeft,
    backends: backends.map((backend) => ({
      address: backend.name,
      state: backend.state,
      isEjected: balancer.backends.health.isEjected(backend),
      callsActive: backend.activeCalls,
      connectionsOpen: backend.readyConnections,
    })),
  };
}

function stateOf(balancer: Balancer, backends: readonly Backend[]): ChannelStats["state"] {
  if (balancer.isClosed) {
    return "closed";
  }
  if (backends.length === 0) {
    return balancer.backends.hasNotResolved ? "failed" : balancer.waiting > 0 ? "connecting" : "idle";
  }
  const states = new Set(backends.map(({ state }) => state));
  return (["ready", "connecting", "failed"] as const).find((state) => states.has(state)) ?? "idle";
}
