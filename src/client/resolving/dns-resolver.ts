import { promises as dns } from "node:dns";
import type { Clock, Timer } from "../../call/clock.ts";
import { backoffMs } from "../attempts/backoff.ts";
import { distinctAddresses, formatAddress } from "./address.ts";
import type { Address, Resolution, Resolver, ResolverListener } from "./resolver.ts";

/** What a DNS resolver works with. */
export interface DnsResolverOptions {
  readonly clock: Clock;
  /** From 0 to 1, without 1. */
  readonly random: () => number;
  /** Gives every address of a name, and rejects where there is none. Default: the system's, by `dns.lookup`. */
  readonly lookup?: ((host: string) => Promise<readonly { readonly address: string }[]>) | undefined;
  /** After how many milliseconds what was found is looked up again. Default 30,000. */
  readonly intervalMs?: number | undefined;
}

const INTERVAL_MS = 30_000;
/** A look-up that takes longer has failed. */
const TIMEOUT_MS = 5000;
/** Between the beginnings of two look-ups that were asked for. */
const LEAST_GAP_MS = 250;
const BACKOFF = { initialMs: 50, maxMs: 800, multiplier: 2 };

const systemLookup = (host: string) => dns.lookup(host, { all: true });

/**
 * A resolver to which every address of a name is a backend, in the order of the answer. It looks up at once, and again
 * `intervalMs` after each answer for as long as it is not paused; then what it found becomes stale, and the next `resume`
 * looks up. A look-up that fails, or takes longer than 5 s, is told, and repeated after a back-off with full jitter, of at
 * most 50 ms at first and 800 ms in the end. `refresh` looks up at once, or 250 ms after the last look-up began. A list with
 * the same addresses as the one before is told again only after an error, which it takes back.
 */
export function dnsResolver({ host, port }: Address, options: DnsResolverOptions): Resolver {
  const { lookup = systemLookup } = options;

  async function findAddresses(): Promise<readonly Address[]> {
    const found = await lookup(host);
    if (found.length === 0) {
      throw new Error("it has no address");
    }
    return distinctAddresses(found.map(({ address }) => ({ host: address, port })));
  }

  return {
    authority: formatAddress({ host, port }),
    resolve: (listener) => startResolution(host, findAddresses, options, listener),
  };
}

function startResolution(
  host: string,
  findAddresses: () => Promise<readonly Address[]>,
  { clock, random, intervalMs = INTERVAL_MS }: DnsResolverOptions,
  listener: ResolverListener,
): Resolution {
  /** Ends the look-up under way, or begins the next. */
  let timer: Timer | undefined;
  /** When the next look-up begins, where none is under way; infinite where none is planned. */
  let dueMs = Number.POSITIVE_INFINITY;
  let beganMs = 0;
  let current: symbol | undefined;
  let toldAddresses: string | undefined;
  let failures = 0;
  let isRefreshWanted = false;
  let isPaused = false;
  /** A look-up became due while it was paused. */
  let isStale = false;
  let isClosed = false;

  function lookUp(): void {
    const own = Symbol();
    current = own;
    isRefreshWanted = false;
    isStale = false;
    beganMs = clock.now();
    timer?.cancel();
    timer = clock.schedule(TIMEOUT_MS, () => onFailure(own, new Error(`it did not answer within ${TIMEOUT_MS} ms`)));
    findAddresses().then(
      (addresses) => onSuccess(own, addresses),
      (reason: unknown) => onFailure(own, reason),
    );
  }

  function onSuccess(own: symbol, addresses: readonly Address[]): void {
    if (own !== current) {
      return; // too late
    }
    failures = 0;
    plan(intervalMs);
    const asSet = addresses.map(formatAddress).sort().join();
    if (asSet !== toldAddresses) {
      toldAddresses = asSet;
      listener.onAddresses(addresses);
    }
  }

  function onFailure(own: symbol, reason: unknown): void {
    if (own !== current) {
      return; // too late
    }
    plan(backoffMs(failures++, BACKOFF, random));
    toldAddresses = undefined;
    const why = reason instanceof Error ? reason.message : String(reason);
    listener.onError(new Error(`looking up the name ${host} failed: ${why}`, { cause: reason }));
  }

  /** A look-up is over: the next begins after `delayMs`, or earlier where somebody asked while it was under way. */
  function plan(delayMs: number): void {
    current = undefined;
    beginAfter(delayMs);
    if (isRefreshWanted) {
      refresh();
    }
  }

  function beginAfter(delayMs: number): void {
    timer?.cancel();
    dueMs = clock.now() + delayMs;
    timer = clock.schedule(delayMs, () => {
      dueMs = Number.POSITIVE_INFINITY;
      if (isPaused) {
        isStale = true;
      } else {
        lookUp();
      }
    });
  }

  function refresh(): void {
    const nextMs = beganMs + LEAST_GAP_MS;
    const nowMs = clock.now();
    if (isClosed) {
      return;
    }
    if (current !== undefined) {
      isRefreshWanted = true; // it may have been answered before the backend failed
    } else if (nextMs <= nowMs) {
      lookUp();
    } else if (nextMs < dueMs) {
      beginAfter(nextMs - nowMs);
    }
  }

  lookUp();
  return {
    refresh,
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      if (isStale) {
        refresh();
      }
    },
    close() {
      isClosed = true;
      current = undefined;
      timer?.cancel();
    },
  };
}
