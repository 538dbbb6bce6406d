import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Access, AccessTarget } from "./access.ts";
import type { Clock } from "./clock.ts";
import { type Deadline, deadlinesOf, type Expiring } from "./deadlines.ts";
import type { Logger } from "./logger.ts";
import type { Peer } from "./peer.ts";
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
  /** Who calls. */
  readonly peer: Peer;
  /** Milliseconds until the deadline, 0 when it has passed, undefined where there is none. */
  timeLeftMs(): number | undefined;
}

/** What a call is made from. What costs something is read once somebody asks for it: a getter serves. */
export interface CallOptions {
  readonly requestId: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly peer: Peer;
  /** Who may call what; without, everybody may call everything. */
  readonly access?: Access | undefined;
  /** Header fields that travel on with every onward call, by lower-case name. */
  readonly companions: ReadonlyMap<string, string>;
  /** Texts of the request that no log line may hold, such as its authorization. */
  readonly secrets: readonly string[];
}

/** What a call that is cut short cuts short. Must not throw. */
export interface Interruptible {
  interrupt(reason: ConnectError): void;
}

/** A call as the chassis sees it: {@link Call} and what moves it along. Exactly one owner ends it. */
export class ActiveCall implements Call, Expiring {
  readonly #options: CallOptions;
  /** When it began, by its clock. */
  readonly startedAt: number;
  #requestId: string | undefined;
  #companions: ReadonlyMap<string, string> | undefined;
  #requestSecrets: readonly string[] | undefined;
  #messageSecrets: (readonly string[])[] | undefined;
  method: DescMethod | undefined;
  /** The RPC protocol that the caller speaks; undefined for what is no RPC. */
  protocol: "grpc" | "grpc-web" | "connect" | undefined;
  /** Finds the code of the answer where no one has set it: whoever writes the answer's end knows it. */
  findAnsweredCode: (() => Code | undefined) | undefined;
  /** Told when the call is cut short, behind its signal, which is there only once somebody has asked for it. */
  interruptible: Interruptible | undefined;
  #answeredCode: Code | undefined;
  #interruption: ConnectError | undefined;
  #deadlineAt: number | undefined;
  #deadline: Deadline | undefined;
  #controller: AbortController | undefined;
  #isSettled = false;
  #isOver = false;

  constructor(options: CallOptions) {
    this.#options = options;
    this.startedAt = options.clock.now();
  }

  get requestId(): string {
    this.#requestId ??= this.#options.requestId;
    return this.#requestId;
  }

  get log(): Logger {
    return this.#options.log;
  }

  get peer(): Peer {
    return this.#options.peer;
  }

  /** Why who calls may not call `target`; undefined where they may. */
  refusalFor(target: AccessTarget): ConnectError | undefined {
    const { access } = this.#options;
    return access?.(this.peer, target);
  }

  get tasks(): Tasks {
    return this.#options.tasks;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  get companions(): ReadonlyMap<string, string> {
    this.#companions ??= this.#options.companions;
    return this.#companions;
  }

  /** Texts that no log line of this call may hold; undefined where they are too many to be looked for. */
  get secrets(): readonly string[] | undefined {
    const fromRequest = this.#secretsOfRequest();
    if (this.#messageSecrets === undefined) {
      return fromRequest;
    }
    const fromMessages = this.#messageSecrets.flat();
    return fromMessages.length > MAX_SECRETS ? undefined : [...fromRequest, ...fromMessages];
  }

  /** Remembers what the request holds of secrets now: whoever gets it may change it. */
  keepSecrets(): void {
    this.#secretsOfRequest();
  }

  #secretsOfRequest(): readonly string[] {
    this.#requestSecrets ??= this.#options.secrets;
    return this.#requestSecrets;
  }

  /**
   * Adds texts that no log line may hold from now on, all of one message's. A stream may bring them for as long as it
   * lasts, and every line is searched for all: so the latest messages count.
   */
  hide(texts: readonly string[]): void {
    if (texts.length === 0) {
      return;
    }
    this.#messageSecrets ??= [];
    this.#messageSecrets.push(texts);
    while (this.#messageSecrets.length > 1 && this.#messageSecrets.flat().length > MAX_SECRETS) {
      this.#messageSecrets.shift();
    }
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#interruption !== undefined || this.#isSettled) {
        this.#controller.abort(this.#interruption ?? ENDED);
      }
    }
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
    return this.#deadlineAt === undefined ? undefined : Math.max(0, this.#deadlineAt - this.clock.now());
  }

  /** Sets the deadline, `timeoutMs` after the call began; at it the signal aborts with `deadline_exceeded`. */
  startDeadline(timeoutMs: number): void {
    this.#deadlineAt = this.startedAt + timeoutMs;
    this.#deadline?.cancel();
    this.#deadline = this.#isSettled ? undefined : deadlinesOf(this.clock).add(this, this.#deadlineAt);
  }

  /** Cuts the call short because its deadline has passed. */
  expire(): void {
    this.interrupt(new ConnectError("the deadline of the call has passed", Code.DeadlineExceeded));
  }

  /** Cuts the call short: its signal aborts with `reason`, which is also its answer. The first interruption counts. */
  interrupt(reason: ConnectError): void {
    if (this.#interruption !== undefined || this.#isOver) {
      return;
    }
    this.#interruption = reason;
    this.#deadline?.cancel();
    this.#controller?.abort(reason);
    this.interruptible?.interrupt(reason);
  }

  /** The call has its answer: its deadline goes, and its signal aborts so that what still listens lets go. */
  settle(): void {
    this.#deadline?.cancel();
    this.#isSettled = true;
    this.#controller?.abort(ENDED);
  }

  /** Ends the call: its deadline goes, and its signal aborts so that what still listens lets go. */
  end(): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.settle();
  }

  /** A call with the same id and companions, but with no deadline and no caller to cancel it. */
  detach(): ActiveCall {
    const { requestId, companions, log, clock, tasks, peer } = this;
    const { access } = this.#options;
    const secrets = this.#secretsOfRequest();
    const detached = new ActiveCall({ requestId, companions, log, clock, tasks, peer, access, secrets });
    detached.#messageSecrets = this.#messageSecrets === undefined ? undefined : [...this.#messageSecrets];
    return detached;
  }
}

/** How many texts of messages a log line is searched for. */
const MAX_SECRETS = 200;
const ENDED = new ConnectError("the call has ended", Code.Canceled); // one for all: an abort without a reason builds a stack
