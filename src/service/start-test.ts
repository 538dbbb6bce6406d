import { ActiveCall } from "../call/call.ts";
import { systemClock } from "../call/clock.ts";
import { runInCall } from "../call/current.ts";
import type { Logger } from "../call/logger.ts";
import type { PeerIdentity } from "../call/peer.ts";
import { requestIdFrom } from "../call/request-id.ts";
import { createTasks } from "../call/tasks.ts";
import { createChannel } from "../client/channel.ts";
import type { ChannelOptions } from "../client/channel-options.ts";
import { createClient } from "../client/create-client.ts";
import type { AnyService, ClientOf } from "../wire/adapted-service.ts";
import type { ConfigShape, ServiceDefinition } from "./definition.ts";
import { type Fake, openFakes } from "./fakes.ts";
import { type ServiceStats, startService } from "./start.ts";
import { createTestClock, type TestClock } from "./test-clock.ts";

/** What a service under test has around it. */
export interface TestOptions<C extends ConfigShape> {
  /** Environment variables, as the process would have them; nothing is taken from the real environment. */
  readonly config?: Readonly<Record<string, string>>;
  /** What stands behind the URLs that the service calls, by the name of the variable that holds the URL. */
  readonly fakes?: { readonly [K in keyof C]?: Fake | readonly Fake[] };
  /**
   * Who calls, as if by a certificate that was verified: in a word, as rules of access have it (`spiffe://…`, `dns:…`,
   * `subject:…`), or all that a certificate says. Default nobody.
   */
  readonly identity?: string | PeerIdentity;
}

/** A line of the captured log. */
export interface LogLine {
  readonly levelname: string;
  readonly name: string;
  readonly message: string;
  readonly request_id?: string;
  readonly [field: string]: unknown;
}

/** A running service under test; `await using` stops it. */
export interface TestApp extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:41873`; `https:` where the configuration has a certificate. */
  readonly url: string;
  /** Every line that it has logged so far. */
  readonly logs: readonly LogLine[];
  /** The service's clock: deadlines and the times of a shutdown follow it. */
  readonly clock: TestClock;
  /** What its port does now, and has seen since the start. */
  stats(): ServiceStats;
  /**
   * A client that calls the service over its port; gRPC unless the options say otherwise. By TLS it trusts, and shows, what the
   * service itself does to those that it calls.
   */
  client<S extends AnyService>(service: S, options?: ChannelOptions): ClientOf<S>;
  /** Fetches a path of the service. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Stops the service as a signal would; disposing it does the same. */
  stop(): Promise<void>;
}

/**
 * Starts a service for a test, on a free port of 127.0.0.1, with everything that it has in production: interceptors,
 * limits, log. Needs no particular test runner.
 */
export async function startTest<C extends ConfigShape, R>(
  definition: ServiceDefinition<C, R>,
  options: TestOptions<C> = {},
): Promise<TestApp> {
  const logs: LogLine[] = [];
  const clock = createTestClock();
  const closing: (Disposable | AsyncDisposable)[] = [];
  const urls: Record<string, string> = {};
  for (const [name, fakes] of Object.entries(options.fakes ?? {})) {
    const opened = openFakes([fakes as Fake | readonly Fake[]].flat()); // Object.entries loses the value's type
    closing.push(opened);
    urls[name] = opened.url;
  }
  const closeAll = async () => {
    for (const resource of closing.splice(0).reverse()) {
      await (Symbol.asyncDispose in resource ? resource[Symbol.asyncDispose]() : resource[Symbol.dispose]());
    }
  };
  const starting = startService(definition, {
    env: {
      NODE_ENV: "test",
      HOST: "127.0.0.1",
      PORT: "0",
      SHUTDOWN_GRACE_MS: "2000",
      LOG_FORMAT: "json",
      ...options.config,
      ...urls,
    },
    destination: { write: (line) => void logs.push(JSON.parse(line) as LogLine) },
    terminal: false,
    clock,
    assumedIdentity: identityFrom(options.identity),
  });
  const service = await starting.catch(async (error: unknown) => {
    await closeAll();
    throw error;
  });
  const scheme = options.config?.["TLS_CERT_FILE"] ? "https" : "http";
  const url = `${scheme}://127.0.0.1:${service.address.port}`;
  const stop = async () => {
    try {
      await closeAll();
    } finally {
      await service.stop();
    }
  };
  return {
    url,
    logs,
    clock,
    stats: service.stats,
    client(descriptor, channelOptions) {
      const tls = scheme === "https" && service.channelTls;
      const channel = createChannel(url, { ...(tls && { tls }), ...channelOptions });
      closing.push(channel);
      return createClient(descriptor, channel);
    },
    fetch: (path, init) => fetch(new URL(path, url), init),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** What a call in a test is like. */
export interface TestCallOptions {
  readonly requestId?: string;
  /** Milliseconds to its deadline. Default none. */
  readonly timeoutMs?: number;
  readonly log?: Logger;
  /** Who calls, as in {@link TestOptions}. Default nobody. */
  readonly identity?: string | PeerIdentity;
}

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Runs `work` as if it were part of a call, so that `currentCall()` works in it; the call ends when `work` does. */
export async function inCall<T>(options: TestCallOptions, work: () => T | Promise<T>): Promise<T> {
  const log = options.log ?? silent;
  const call = new ActiveCall({
    requestId: options.requestId ?? requestIdFrom(undefined),
    log,
    clock: systemClock,
    tasks: createTasks(log),
    peer: { address: "127.0.0.1", identity: identityFrom(options.identity) },
    companions: new Map(),
    secrets: [],
  });
  if (options.timeoutMs !== undefined) {
    call.startDeadline(options.timeoutMs);
  }
  try {
    return await runInCall(call, async () => work());
  } finally {
    call.end();
  }
}

/** @throws Error where a text is no identity */
function identityFrom(identity: string | PeerIdentity | undefined): PeerIdentity | undefined {
  if (typeof identity !== "string") {
    return identity;
  }
  const [, kind = "", name = ""] = /^(spiffe:\/\/|dns:|subject:)(.+)$/.exec(identity) ?? [];
  if (kind === "") {
    throw new Error(`${JSON.stringify(identity)} is no identity; use spiffe://…, dns:… or subject:…`);
  }
  return {
    spiffeId: kind === "spiffe://" ? identity : undefined,
    dnsNames: kind === "dns:" ? [name.toLowerCase()] : [],
    subject: kind === "subject:" ? name : "",
    name: identity,
  };
}
