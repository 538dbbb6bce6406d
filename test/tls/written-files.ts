import type { Logger } from "../../src/call/logger.ts";
import type { CredentialPaths, TlsFiles } from "../../src/tls/tls-files.ts";
import { openTlsFiles } from "../../src/tls/tls-files.ts";
import { createAuthority, type Pair } from "../../tools/certificates/authority.ts";
import { createVirtualClock, type VirtualClock } from "../simulation/virtual-clock.ts";

export const DAY_MS = 86_400_000;
/** Where the pair is. */
export const PAIR = { cert: "tls.crt", key: "tls.key" } as const;
/** What time it is at the virtual clock's 0: a whole second, as certificates have it. */
export const BEGINNING = Math.floor(Date.now() / 1000) * 1000;

export const authority = await createAuthority("authority");

/** A pair that holds from one day to another, counted from the beginning. */
export function pairFor(days: number, fromDay = -1): Promise<Pair> {
  return authority.issue({
    commonName: "server",
    notBefore: new Date(BEGINNING + fromDay * DAY_MS),
    notAfter: new Date(BEGINNING + days * DAY_MS),
  });
}

/** What the log says of a pair that is used now. */
export function success(days = 90): string {
  const ends = new Date(BEGINNING + days * DAY_MS).toISOString();
  return `info action=renew_certificate, status=success, holder=subject:CN=server, ends=${ends}`;
}

/** What the log says of files that are not. */
export function refused(why: string): string {
  return `error action=renew_certificate, status=refused: ${why}; the last good credentials stay in use`;
}

/** Credentials from files that a test writes, on a clock that it puts forward. */
export interface WrittenFiles {
  readonly clock: VirtualClock;
  readonly files: TlsFiles;
  readonly watched: {
    readonly paths: readonly string[];
    /** How often it was told that the files were read. */
    readonly updates: number;
    readonly isClosed: boolean;
    hint(): void;
  };
  /** How many files were read so far. */
  readonly reads: number;
  /** How long it takes to read a file, in milliseconds. Default 0. */
  readMs: (path: string) => number;
  /** What the log has got since it was asked last: each line with its level, and with its fields. */
  newLines(): readonly string[];
  set(path: string, text: string): void;
  /** Writes a pair, or one of the two. */
  write(pair: Partial<Pair>): void;
  remove(path: string): void;
}

export async function openWritten(
  content: Readonly<Record<string, string>>,
  paths: CredentialPaths = PAIR,
): Promise<WrittenFiles> {
  const clock = createVirtualClock();
  const disk = new Map(Object.entries(content));
  const lines: string[] = [];
  const watched = { paths: [] as readonly string[], updates: 0, isClosed: false, hint: () => undefined as undefined };
  let reads = 0;
  let readMs: WrittenFiles["readMs"] = () => 0;

  async function read(path: string): Promise<string> {
    reads++;
    const delayMs = readMs(path);
    if (delayMs > 0) await new Promise<void>((resolve) => clock.schedule(delayMs, resolve));
    const text = disk.get(path);
    if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: "ENOENT" });
    return text;
  }

  const files = await openTlsFiles({
    paths,
    nameOf: (role) => `the ${role} ${paths[role]}`,
    shownTo: "clients",
    clock,
    today: () => BEGINNING + clock.now(),
    log: recorder(lines),
    read,
    watch(all, onHint) {
      Object.assign(watched, { paths: all, hint: onHint });
      return {
        update: () => void watched.updates++,
        close() {
          watched.isClosed = true;
        },
      };
    },
  });
  const set = (path: string, text: string) => void disk.set(path, text);
  return {
    clock,
    files,
    watched,
    get reads() {
      return reads;
    },
    get readMs() {
      return readMs;
    },
    set readMs(of) {
      readMs = of;
    },
    newLines: () => lines.splice(0),
    set,
    write({ cert, key }) {
      if (cert !== undefined) set(PAIR.cert, cert);
      if (key !== undefined) set(PAIR.key, key);
    },
    remove: (path) => void disk.delete(path),
  };
}

/** Opens a pair's files. */
export function openPair({ cert, key }: Pair): Promise<WrittenFiles> {
  return openWritten({ [PAIR.cert]: cert, [PAIR.key]: key });
}

function recorder(lines: string[]): Logger {
  const at =
    (level: string) =>
    (...what: readonly unknown[]) =>
      void lines.push([level, ...what.map((it) => (typeof it === "string" ? it : JSON.stringify(it)))].join(" "));
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
