import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock, Timer } from "./clock.ts";
import type { Logger } from "./logger.ts";
import type { Tasks } from "./tasks.ts";

/** The call that the running code is part of: an RPC, or a request to the web application. */
export interface Call {
  /** The id that every log line, answer and onward call of this call carries. */
  readonly requestId: string;
  /** The service's logger; its lines carry the request id. */
  readonly log: Logger;
  /** Aborts when the caller goes away, at the deadline, and when the grace of a shutdown is over. */
  readonly signal: AbortSignal;
  /** The method that is called; undefined for what is no RPC. */
  readonly method: DescMethod | undefined;
  /** Who calls: the address of the peer, or of the client that a trusted proxy names. */
  readonly peer: Peer;
  /** Milliseconds until the deadline, 0 when it has passed, undefined where there is none. */
  timeLeftMs(): number | undefined;
}

/** Who is at the other end of a call. */
export interface Peer {
  readonly address: string;
}

/** What a call is made from. */
export interface CallOptions {
  readonly requestId: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly peer: Peer;
  /** Header fields that travel on with every onward call, by lower-case name. */
  readonly companions: ReadonlyMap<string, string>;
  /** Texts of the request that no log line may hold, such as its authorization. */
  readonly secrets: readonly string[];
}

/** A call as the chassis sees it: {@link Call} and what moves it along. Exactly one owner ends it. */
export class ActiveCall implements Call {
  readonly requestId: string;
  readonly log: Logger;
  readonly peer: Peer;
  readonly tasks: Tasks;
  readonly clock: Clock;
  readonly companions: ReadonlyMap<string, string>;
  readonly #requestSecrets: readonly string[];
  readonly #messageSecrets: (readonly string[])[] = [];
  method: DescMethod | undefined;
  /** The RPC protocol that the caller speaks; undefined for what is no RPC. */
  protocol: "grpc" | "grpc-web" | "connect" | undefined;
  /** Finds the code of the answer where no one has set it: whoever writes the answer's end knows it. */
  findAnsweredCode: (() => Code | undefined) | undefined;
  #answeredCode: Code | undefined;
  #interruption: ConnectError | undefined;
  #deadline: number | undefined;
  #timer: Timer | undefined;
  readonly #controller = new AbortController();

  constructor(options: CallOptions) {
    this.requestId = options.requestId;
    this.log = options.log;
    this.peer = options.peer;
    this.tasks = options.tasks;
    this.clock = options.clock;
    this.companions = options.companions;
    this.#requestSecrets = options.secrets;
  }

  /** Texts that no log line of this call may hold; undefined where they are too many to be looked for. */
  get secrets(): readonly string[] | undefined {
    const fromMessages = this.#messageSecrets.flat();
    return fromMessages.length > MAX_SECRETS ? undefined : [...this.#requestSecrets, ...fromMessages];
  }

  /**
   * Adds texts that no log line may hold from now on, all of one message's. A stream may bring them for as long as it
   * lasts, and every line is searched for all: so the latest messages count.
   */
  hide(texts: readonly string[]): void {
    if (texts.length === 0) {
      return;
    }
    this.#messageSecrets.push(texts);
    while (this.#messageSecrets.length > 1 && this.#messageSecrets.flat().length > MAX_SECRETS) {
      this.#messageSecrets.shift();
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The code that an RPC was answered with; undefined while it runs and when all went well. */
  get answeredCode(): Code | undefined {
    return this.#answeredCode ?? this.#interruption?.code ?? this.findAnsweredCode?.();
  }

  set answeredCode(code: Code | undefined) {
    this.#answeredCode = code;
  }

  /** What cut the call short, if anything did: `deadline_exceeded`, `canceled`, or `unavailable` at a shutdown. */
  get interruption(): ConnectError | undefined {
    return this.#interruption;
  }

  timeLeftMs(): number | undefined {
    return this.#deadline === undefined ? undefined : Math.max(0, this.#deadline - this.clock.now());
  }

  /** Sets the deadline, `timeoutMs` from now; at it the signal aborts with `deadline_exceeded`. */
  startDeadline(timeoutMs: number): void {
    this.#deadline = this.clock.now() + timeoutMs;
    this.#timer?.cancel();
    this.#timer = this.clock.schedule(timeoutMs, () => this.expire());
  }

  /** Cuts the call short because its deadline has passed. */
  expire(): void {
    this.interrupt(new ConnectError("the deadline of the call has passed", Code.DeadlineExceeded));
  }

  /** Cuts the call short: its signal aborts with `reason`, which is also its answer. The first interruption counts. */
  interrupt(reason: ConnectError): void {
    if (this.#controller.signal.aborted) {
      return;
    }
    this.#interruption = reason;
    this.#timer?.cancel();
    this.#controller.abort(reason);
  }

  /** Ends the call: its timer goes, and its signal aborts so that what still listens lets go. */
  end(): void {
    this.#timer?.cancel();
    this.#controller.abort(ENDED);
  }

  /** A call with the same id and companions, but with no deadline and no caller to cancel it. */
  detach(): ActiveCall {
    const detached = new ActiveCall({ ...this, secrets: this.#requestSecrets });
    detached.#messageSecrets.push(...this.#messageSecrets);
    return detached;
  }
}

/** How many texts of messages a log line is searched for. */
const MAX_SECRETS = 200;
const ENDED = new ConnectError("the call has ended", Code.Canceled); // one for all: an abort without a reason builds a stack
