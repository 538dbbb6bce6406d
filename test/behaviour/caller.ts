import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, type Client, ConnectError, createClient } from "@connectrpc/connect";
import { BehaviourService, type Report, type TaskSchema } from "./gen/behaviour/v1/behaviour_pb.js";
import type { Behaviour } from "./services.ts";
import type { Kind, Wire, WireOptions } from "./wires.ts";

export type TaskInit = MessageInitShape<typeof TaskSchema>;

/** What a call sends besides its message. */
export interface Sending {
  readonly header?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** The client's own time-out; most tests give none, so that it is the service that keeps time. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly reports: readonly Report[];
  readonly header: Headers;
  readonly trailer: Headers;
}

/** A client over one wire that gives any kind of method the same form. */
export interface Caller extends AsyncDisposable {
  readonly client: Client<typeof BehaviourService>;
  /** Has a task done by a method of this kind, and reads the answer to its end. */
  call(kind: Kind, task: TaskInit, sending?: Sending): Promise<Answer>;
  /** As `call`, for one that fails. */
  failure(kind: Kind, task: TaskInit, sending?: Sending): Promise<ConnectError>;
}

/** A request id that no other call has; a test finds its call's lines by it. */
export function newRequest(): { readonly requestId: string; readonly header: Readonly<Record<string, string>> } {
  const requestId = randomUUID();
  return { requestId, header: { "x-request-id": requestId } };
}

/** Opens a caller of a service, of the process whose engine is the wire's. */
export function openCaller(wire: Wire, service: Behaviour, options?: WireOptions): Caller {
  const dialled = wire.open(service.urlBy(wire.engine), options);
  const client = createClient(BehaviourService, dialled.transport);

  async function call(kind: Kind, task: TaskInit, sending: Sending = {}): Promise<Answer> {
    let header = new Headers();
    let trailer = new Headers();
    const options: CallOptions = {
      ...(sending.header === undefined ? {} : { headers: sending.header }),
      ...(sending.signal === undefined ? {} : { signal: sending.signal }),
      ...(sending.timeoutMs === undefined ? {} : { timeoutMs: sending.timeoutMs }),
      onHeader: (fields) => {
        header = fields;
      },
      onTrailer: (fields) => {
        trailer = fields;
      },
    };
    const reports: Report[] = [];
    for await (const report of answers(kind, task, options)) {
      reports.push(report);
    }
    return { reports, header, trailer };
  }

  async function* answers(kind: Kind, task: TaskInit, options: CallOptions): AsyncIterable<Report> {
    switch (kind) {
      case "unary":
        yield await client[wire.unaryMethod](task, options);
        break;
      case "server_streaming":
        yield* client.watch(task, options);
        break;
      case "client_streaming":
        yield await client.collect(once(task), options);
        break;
      case "bidi_streaming":
        yield* client.converse(once(task), options);
    }
  }

  return {
    client,
    call,
    failure: (kind, task, sending) =>
      call(kind, task, sending).then(
        () => Promise.reject(new Error("the call did not fail")),
        (error: unknown) => {
          if (error instanceof ConnectError) {
            return error;
          }
          throw error;
        },
      ),
    [Symbol.asyncDispose]: () => dialled[Symbol.asyncDispose](),
  };
}

async function* once<T>(message: T): AsyncIterable<T> {
  yield message;
}
