/** What writes once a turn. */
export interface Flushable {
  /** Never throws. */
  flush(): void;
}

let due: Flushable[] = [];
let turn = 0;

/** Has `flushable` flushed behind all that this turn of the event loop still does; whoever calls does so once a turn. */
export function atEndOfTurn(flushable: Flushable): void {
  if (due.length === 0) {
    setImmediate(flushDue);
  }
  due.push(flushable);
}

/** A number that changes from one turn that writes to the next. */
export function currentTurn(): number {
  return turn;
}

function flushDue(): void {
  const flushables = due;
  due = [];
  turn++;
  for (const flushable of flushables) {
    flushable.flush(); // never throws: the others of the turn would not be written
  }
}
