import type { CallKind } from "../load-plan.ts";

/** Where a client is to call. */
export interface Target {
  readonly port: number;
  /** Backends' addresses; all listen on the same port. */
  readonly addresses: readonly string[];
  /** By what name the client looks them up. Default: it is given the addresses. */
  readonly name?: string;
  /** The client is told at once what the name resolves to, where it has a way to be. Default: it looks it up. */
  readonly isTold?: boolean;
  /** The certificate of who vouches for the backends, in PEM. Default: cleartext. */
  readonly authority?: string;
}

export interface CallOptions {
  readonly id: number;
  readonly timeoutMs: number;
  readonly delayMs: number;
}

/** What a load calls by. */
export interface Calls extends AsyncDisposable {
  /** Rejects where the call fails, and where it answers anything but what it should. */
  call(kind: CallKind, options: CallOptions): Promise<void>;
  /** The code of what {@link call} rejects with, as gRPC writes it; undefined where it is no error of an RPC. */
  codeOf(error: unknown): string | undefined;
  /** What the client says of itself, if it does. */
  stats?(): Readonly<Record<string, unknown>>;
}

/** A client under test, with its defaults. */
export interface TestedClient {
  readonly name: string;
  readonly library: "portico" | "grpc-js" | "connect-node";
  readonly protocol: "grpc" | "grpc-web" | "connect";
  readonly httpVersion: "1.1" | "2";
  dial(target: Target): Calls;
}
