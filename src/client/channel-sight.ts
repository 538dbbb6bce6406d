import { channel } from "node:diagnostics_channel";

/**
 * What a channel tells whoever subscribes to `portico:client:<event>` of node:diagnostics_channel. Each message has `target`
 * beside what stands here; `backend` is an address such as `127.0.0.1:50051`, and times are in milliseconds.
 */
export interface ChannelEvents {
  /** A connection is begun. */
  readonly connect: { readonly backend: string };
  /** A connection takes calls. */
  readonly ready: { readonly backend: string; readonly tookMs: number };
  /** A connection could not be made, or was lost. */
  readonly lost: { readonly backend: string; readonly error: Error };
  /** The peer takes no further calls on a connection. */
  readonly goaway: { readonly backend: string; readonly reason: string };
  /** A connection has said nothing for too long, and gets no further calls. */
  readonly silent: { readonly backend: string };
  /** A backend gets no calls for a while, as calls to it fail. */
  readonly eject: { readonly backend: string; readonly forMs: number };
  /** An ejected backend gets calls again. */
  readonly readmit: { readonly backend: string };
  /** A call is tried again; `attempt` counts from 2. `kind`: see ChannelStats. */
  readonly retry: {
    readonly url: string;
    readonly attempt: number;
    readonly delayMs: number;
    readonly kind: "retry" | "transparent" | "hedge";
  };
  /** A call is refused here because the backends say that they are overloaded. */
  readonly throttle: { readonly url: string };
  /** A call waits for a connection, with so many before it; or is refused, as too many wait. */
  readonly queue: { readonly waiting: number; readonly isRefused: boolean };
}

const NAMES = [
  "connect",
  "ready",
  "lost",
  "goaway",
  "silent",
  "eject",
  "readmit",
  "retry",
  "throttle",
  "queue",
] as const;
const CHANNELS = new Map(NAMES.map((name) => [name, channel(`portico:client:${name}`)] as const));

/** Counts what happens on a channel, and tells it to whoever listens. */
export class ChannelSight {
  readonly #target: string;
  readonly counts: Record<keyof ChannelEvents, number> = {
    connect: 0,
    ready: 0,
    lost: 0,
    goaway: 0,
    silent: 0,
    eject: 0,
    readmit: 0,
    retry: 0,
    throttle: 0,
    queue: 0,
  };
  /** Of `retry`: by kind. */
  readonly retries = { retry: 0, transparent: 0, hedge: 0 };
  /** Of `queue`: those that were refused. */
  refused = 0;

  /** @param target as people may read it */
  constructor(target: string) {
    this.#target = target;
  }

  tell<K extends keyof ChannelEvents>(name: K, event: ChannelEvents[K]): void {
    this.counts[name]++;
    const subject = CHANNELS.get(name);
    if (subject?.hasSubscribers) {
      subject.publish({ target: this.#target, ...event });
    }
  }
}
