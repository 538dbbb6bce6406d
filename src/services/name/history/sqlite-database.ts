import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pack, unpack } from "./packed-documents.ts";
import type { DatabasePlace, Operation } from "./sqlite-protocol.ts";

/** How long a statement waits for another process that writes, in milliseconds, as while one service takes over from another. */
const BUSY_MS = 5_000;
const ID_BYTES = 12;

/** The database itself: everything blocks. */
export interface HistoryDatabase {
  /** Does what is asked, and gives the documents that are the answer, one after the other. */
  perform(operation: Operation): Uint8Array<ArrayBuffer>;
}

/** @throws Error where there can be none */
export function openDatabase({ folder, maxEntries }: DatabasePlace): HistoryDatabase {
  if (folder !== undefined) {
    mkdirSync(folder, { recursive: true });
  }
  const database = new DatabaseSync(folder === undefined ? ":memory:" : join(folder, "history.sqlite"));
  // The count is kept in the file, as another process may write there too, and to count takes as long as to read it all.
  database.exec(`
    PRAGMA busy_timeout = ${BUSY_MS};
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS entries (id BLOB PRIMARY KEY, document BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS size (entries INTEGER NOT NULL) STRICT;
    INSERT INTO size SELECT count(*) FROM entries WHERE NOT EXISTS (SELECT * FROM size);
  `);
  const insertion = database.prepare("INSERT INTO entries VALUES (?, ?) ON CONFLICT DO NOTHING");
  const growth = database.prepare("UPDATE size SET entries = entries + ? RETURNING entries");
  const removal = database.prepare(
    "DELETE FROM entries WHERE id <= (SELECT id FROM entries ORDER BY id LIMIT 1 OFFSET ? - 1)",
  );
  const one = database.prepare("SELECT document FROM entries WHERE id = ?");
  const newest = database.prepare("SELECT document FROM entries ORDER BY id DESC LIMIT ?");
  const older = database.prepare("SELECT document FROM entries WHERE id < ? ORDER BY id DESC LIMIT ?");

  function insert(ids: Uint8Array, documents: Uint8Array): void {
    let added = 0;
    for (const [index, document] of unpack(documents).entries()) {
      const { changes } = insertion.run(ids.subarray(index * ID_BYTES, (index + 1) * ID_BYTES), document);
      added += Number(changes);
    }
    const excess = grow(added) - maxEntries;
    if (excess > 0) {
      grow(-Number(removal.run(excess).changes));
    }
  }

  function grow(entries: number): number {
    return Number(growth.get(entries)?.["entries"]);
  }

  function inTransaction(work: () => void): void {
    database.exec("BEGIN IMMEDIATE");
    try {
      work();
      database.exec("COMMIT");
    } catch (error) {
      try {
        database.exec("ROLLBACK");
      } catch {
        // SQLite itself has rolled back, as it does where the disk is full.
      }
      throw error;
    }
  }

  function select(operation: Exclude<Operation, { kind: "insert" | "close" }>): Uint8Array<ArrayBuffer> {
    const rows =
      operation.kind === "get"
        ? one.all(operation.id)
        : operation.before === undefined
          ? newest.all(operation.size)
          : older.all(operation.before, operation.size);
    return pack(rows.map((row) => row["document"] as Uint8Array)); // the only column, and a BLOB
  }

  inTransaction(() => insert(new Uint8Array(), new Uint8Array())); // there may be more than the limit is now
  return {
    perform(operation) {
      switch (operation.kind) {
        case "insert":
          inTransaction(() => insert(operation.ids, operation.documents));
          return pack([]);
        case "close":
          database.close();
          return pack([]);
        default:
          return select(operation);
      }
    },
  };
}

/** SQLite's result codes for values that it does not take: SQLITE_TOOBIG, SQLITE_CONSTRAINT and SQLITE_MISMATCH. */
const REFUSALS = [18, 19, 20];
/** Those of a disk or of other processes: SQLITE_BUSY, SQLITE_LOCKED, SQLITE_READONLY, SQLITE_IOERR and SQLITE_FULL. */
const PASSING = [5, 6, 8, 10, 13];

/** Whether an error says that what was to be stored is wrong, rather than that nothing can be. */
export function isRefusal(error: unknown): boolean {
  return REFUSALS.includes(codeOf(error));
}

/** Whether an error says that it cannot be done now, rather than never. */
export function mayPass(error: unknown): boolean {
  return PASSING.includes(codeOf(error));
}

/** NaN where the error is none of SQLite's. */
function codeOf(error: unknown): number {
  // The lowest byte is the code, the others say more (https://sqlite.org/rescode.html).
  return error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : Number.NaN;
}
