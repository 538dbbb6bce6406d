/** What a picker chooses from. */
export interface Pickable {
  readonly activeCalls: number;
  /** It has a place for another call now. */
  readonly hasRoom: boolean;
}

/** Chooses for one call after the other; it counts nothing: whoever takes what it gives sees to the active calls. */
export interface Picker<P extends Pickable> {
  /**
   * One that has room; undefined where none has.
   * @param avoid not this one, unless it is the only one with room: a call has failed there
   */
  pick(avoid?: P): P | undefined;
}

/**
 * The less busy of two that are drawn among those with room: nearly as even as the least busy of all, without looking at all,
 * and without everybody running to the same one (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing").
 * @param from must not change; what is in it may
 * @param random numbers from 0 to 1, without 1
 */
export function leastRequest<P extends Pickable>(from: readonly P[], random: () => number): Picker<P> {
  return {
    pick(avoid) {
      const first = draw(from.length, random);
      const one = from[first];
      const other = from[drawOther(from.length, first, random)];
      if (isFree(one, avoid) && isFree(other, avoid)) {
        return lessBusy(one, other);
      }
      const count = countFree(from, avoid);
      if (count === 0) {
        return onlyOne(from, avoid);
      }
      const firstFree = draw(count, random);
      return lessBusy(nthFree(from, avoid, firstFree), nthFree(from, avoid, drawOther(count, firstFree, random)));
    },
  };
}

/**
 * One after the other; those without room lose their turn.
 * @param from must not change; what is in it may
 * @param start whose turn is first, from 0; where many clients start at once, a random one
 */
export function roundRobin<P extends Pickable>(from: readonly P[], start: number): Picker<P> {
  let turn = start;
  return {
    pick(avoid) {
      for (let skipped = 0; skipped < from.length; skipped++) {
        const index = (turn + skipped) % from.length;
        const candidate = from[index];
        if (isFree(candidate, avoid)) {
          turn = index + 1;
          return candidate;
        }
      }
      return onlyOne(from, avoid);
    },
  };
}

function isFree<P extends Pickable>(candidate: P | undefined, avoid: P | undefined): candidate is P {
  return candidate !== undefined && candidate !== avoid && candidate.hasRoom;
}

/** The one to avoid, where nothing else has room. */
function onlyOne<P extends Pickable>(from: readonly P[], avoid: P | undefined): P | undefined {
  return avoid?.hasRoom && from.includes(avoid) ? avoid : undefined;
}

/** Between equals the first, which was drawn as much as the other. */
function lessBusy<P extends Pickable>(one: P | undefined, other: P | undefined): P | undefined {
  return one !== undefined && other !== undefined && other.activeCalls < one.activeCalls ? other : one;
}

/** A whole number below `count`. */
function draw(count: number, random: () => number): number {
  return Math.floor(random() * count);
}

/** Another one than `first`, all as likely; `first` where it is the only one. */
function drawOther(count: number, first: number, random: () => number): number {
  return count < 2 ? first : (first + 1 + draw(count - 1, random)) % count;
}

function countFree<P extends Pickable>(from: readonly P[], avoid: P | undefined): number {
  let count = 0;
  for (const candidate of from) {
    if (isFree(candidate, avoid)) {
      count++;
    }
  }
  return count;
}

function nthFree<P extends Pickable>(from: readonly P[], avoid: P | undefined, n: number): P | undefined {
  let left = n;
  for (const candidate of from) {
    if (isFree(candidate, avoid) && left-- === 0) {
      return candidate;
    }
  }
  return undefined;
}
