export interface EjectionOptions {
  /** A backend is ejected after so many failures without a success between them; from 1. */
  readonly consecutiveFailures: number;
  /** For how long it is ejected the first time, in milliseconds, above 0; the second time is twice as long, and so on. */
  readonly baseMs: number;
  /** The longest, in milliseconds. */
  readonly maxMs: number;
  /** How many of the backends may be ejected at a time, from 0 to 1; of what that comes to, the part after the point is lost. */
  readonly maxShare: number;
}

interface Standing {
  failuresInRow: number;
  /** How often it was ejected lately. */
  times: number;
  /** When it was readmitted last. */
  readmittedAt: number;
}

/**
 * Which backends get no calls for a while because calls to them fail: the consecutive failures of Envoy's outlier detection,
 * the growing times of gRPC A50. It has no timers: whoever is told for how long a backend is ejected asks after that time for
 * its health, or does not, and readmits it or extends its time.
 */
export class OutlierEjection<B> {
  readonly #options: EjectionOptions;
  readonly #now: () => number;
  /** At this count the time has stopped growing; a higher one would only take longer to go down. */
  readonly #maxTimes: number;
  #standings = new Map<B, Standing>();
  /** Longest ejected first. */
  readonly #ejected = new Set<B>();

  /** @param now the time in milliseconds */
  constructor(options: EjectionOptions, now: () => number) {
    this.#options = options;
    this.#now = now;
    this.#maxTimes = Math.ceil(options.maxMs / options.baseMs);
  }

  get ejectedCount(): number {
    return this.#ejected.size;
  }

  isEjected(backend: B): boolean {
    return this.#ejected.has(backend);
  }

  /**
   * The set of backends is now this one; those that left are forgotten.
   * @returns those that it had to readmit because too large a share would be ejected, longest ejected first
   */
  setMembers(backends: Iterable<B>): readonly B[] {
    const standings = new Map<B, Standing>();
    for (const backend of backends) {
      standings.set(backend, this.#standings.get(backend) ?? { failuresInRow: 0, times: 0, readmittedAt: 0 });
    }
    this.#standings = standings;
    for (const backend of this.#ejected) {
      if (!standings.has(backend)) {
        this.#ejected.delete(backend);
      }
    }
    const readmitted = [...this.#ejected].slice(0, Math.max(0, this.#ejected.size - this.#maxEjected));
    for (const backend of readmitted) {
      this.readmit(backend);
    }
    return readmitted;
  }

  /**
   * A call to a backend has ended. What ends while the backend is ejected, or after it left, says nothing new.
   * @returns the milliseconds for which this outcome ejects it; undefined where it does not
   */
  onOutcome(backend: B, isFailure: boolean): number | undefined {
    const standing = this.#standings.get(backend);
    if (standing === undefined || this.#ejected.has(backend)) {
      return undefined;
    }
    standing.failuresInRow = isFailure ? standing.failuresInRow + 1 : 0;
    const { consecutiveFailures, baseMs } = this.#options;
    if (standing.failuresInRow < consecutiveFailures || this.#ejected.size + 1 > this.#maxEjected) {
      return undefined;
    }
    this.#ejected.add(backend);
    const forgiven = Math.floor((this.#now() - standing.readmittedAt) / baseMs);
    standing.times = Math.max(0, standing.times - forgiven);
    return this.#ejectAgain(standing);
  }

  /** Ends an ejection; it takes the full number of failures to eject the backend again. Nothing where it is not ejected. */
  readmit(backend: B): void {
    const standing = this.#standings.get(backend);
    if (standing !== undefined && this.#ejected.delete(backend)) {
      standing.failuresInRow = 0;
      standing.readmittedAt = this.#now();
    }
  }

  /**
   * An ejected backend is still not well: it stays ejected for the next longer time.
   * @returns that time in milliseconds, from now; undefined where the backend is not ejected any more
   */
  extend(backend: B): number | undefined {
    const standing = this.#standings.get(backend);
    return standing === undefined || !this.#ejected.has(backend) ? undefined : this.#ejectAgain(standing);
  }

  get #maxEjected(): number {
    return Math.floor(this.#standings.size * this.#options.maxShare);
  }

  #ejectAgain(standing: Standing): number {
    const { baseMs, maxMs } = this.#options;
    standing.times = Math.min(this.#maxTimes, standing.times + 1);
    return Math.min(maxMs, baseMs * standing.times);
  }
}
