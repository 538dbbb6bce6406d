import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/health/v1/health_pb.js";
import type { Connect } from "../../src/client/connections/connection.ts";
import { formatAddress } from "../../src/client/resolving/address.ts";
import { envelope } from "../../src/wire/envelope.ts";
import type { SimulatedCall } from "./simulated-call.ts";
import { SimulatedConnection } from "./simulated-connection.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** A backend that does as a test has it; everything may be changed at any time. Times in milliseconds. */
export interface SimulatedBackend {
  /** As in `10.0.0.1:50051`. */
  readonly name: string;
  /** How long it takes to connect, or to be refused. */
  connectMs: number;
  /** What becomes of a connection then. Default: it is accepted. */
  onConnect: (connection: SimulatedConnection) => void;
  /** What a new connection takes at once. Default 100. */
  maxCalls: number;
  /** How long it takes until a call is dealt with. Default 1. */
  answerMs: number;
  /** Deals with a call. Default: it is answered with what was asked. */
  onCall: (call: SimulatedCall, connection: SimulatedConnection) => void;
  answersPings: boolean;
  /** Deals with a health check. Default: it says that it serves. */
  onHealthCheck: (call: SimulatedCall) => void;
  /** When it was asked for its health. */
  readonly healthChecks: number[];
  /** All that came, in order. */
  readonly calls: SimulatedCall[];
  /** All that were begun, in order. */
  readonly connections: SimulatedConnection[];
}

export const ACCEPT = (connection: SimulatedConnection) => connection.accept();
export const REFUSE = (connection: SimulatedConnection) => connection.lose("ECONNREFUSED");
/** Neither accepts nor refuses, and neither answers nor fails. */
export const SAY_NOTHING = () => undefined;
export const ANSWER = (call: SimulatedCall) => call.answer();

/** Answers every call with a status of gRPC. */
export const fail = (status: number, metadata?: Readonly<Record<string, string>>) => (call: SimulatedCall) =>
  call.end(status, metadata);

/** Answers a health check. */
export const sayHealth = (status: ServingStatus) => (call: SimulatedCall) =>
  call.answer(envelope(0, Buffer.of(1 << 3, status)));

/** Backends at addresses, without sockets. */
export interface SimulatedNetwork {
  readonly connect: Connect;
  /** The one at an address, whether or not anybody has connected to it yet. */
  backend(name: string): SimulatedBackend;
}

export function createNetwork(clock: VirtualClock): SimulatedNetwork {
  const backends = new Map<string, SimulatedBackend>();
  function backend(name: string): SimulatedBackend {
    const present = backends.get(name);
    if (present !== undefined) return present;
    const made: SimulatedBackend = {
      name,
      connectMs: 1,
      onConnect: ACCEPT,
      maxCalls: 100,
      answerMs: 1,
      onCall: ANSWER,
      answersPings: true,
      onHealthCheck: sayHealth(ServingStatus.SERVING),
      healthChecks: [],
      calls: [],
      connections: [],
    };
    backends.set(name, made);
    return made;
  }
  return {
    backend,
    connect(address, listener) {
      const to = backend(formatAddress(address));
      const connection = new SimulatedConnection(clock, to, listener);
      to.connections.push(connection);
      return connection;
    },
  };
}
