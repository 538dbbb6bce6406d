import { setTimeout as passed } from "node:timers/promises";

/** What a load has done so far, by the name of its kind of call. */
export interface Tally {
  readonly calls: Readonly<Record<string, number>>;
  readonly lost: readonly string[];
  /** How often a client was to make a call again, since it had not sent it. */
  readonly repeats: number;
}

export interface Load {
  readonly tally: Tally;
  /** Begins no further call, and resolves once those under way are over. */
  end(): Promise<void>;
}

/** A kind of call, and what makes one. It throws where the call fails, or answers something else than it should. */
export interface Work {
  readonly name: string;
  /** How many make it at a time, each one call after the other. */
  readonly workers: number;
  /** What lies between two of its calls at most, in milliseconds. Default 0. */
  readonly thinkMs?: number;
  /** Opens what one worker calls by. `onRepeat` is told of every call that is made again. */
  open(onRepeat: () => void): { call(): Promise<void>; close(): unknown };
}

/** Does all of it at once, until it is ended. */
export function startLoad(works: readonly Work[]): Load {
  const calls: Record<string, number> = {};
  const lost: string[] = [];
  let isEnding = false;
  let repeats = 0;

  async function worker({ name, thinkMs = 0, open }: Work): Promise<void> {
    const { call, close } = open(() => repeats++);
    while (!isEnding) {
      const startedAt = new Date();
      await call().catch((error: unknown) => {
        const { message, code, cause } = error as NodeJS.ErrnoException; // whatever it is, these show it best
        const times = `${startedAt.toISOString()} to ${new Date().toISOString()}`;
        lost.push(`${name}, ${times}: ${code ?? ""} ${message} ${cause ?? ""}`);
      });
      calls[name] = (calls[name] ?? 0) + 1;
      await passed(Math.random() * thinkMs);
    }
    await close();
  }

  const ended = works.flatMap((work) => Array.from({ length: work.workers }, () => worker(work)));
  return {
    tally: {
      calls,
      lost,
      get repeats() {
        return repeats;
      },
    },
    async end() {
      isEnding = true;
      await Promise.all(ended);
    },
  };
}
