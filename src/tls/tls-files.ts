import { readFile, stat } from "node:fs/promises";
import type { Clock, Timer } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import {
  type CredentialRole,
  type Credentials,
  CredentialsError,
  type CredentialUse,
  checkCredentials,
} from "./credentials.ts";
import { type FileWatch, watchFiles } from "./file-watch.ts";

/** The files that credentials are read from, by their paths. */
export type CredentialPaths = Readonly<Partial<Record<CredentialRole, string>>>;

export interface TlsFilesOptions extends CredentialUse {
  readonly paths: CredentialPaths;
  readonly clock: Clock;
  /** The time of day, in milliseconds since the epoch. Default `Date.now`. */
  readonly today?: () => number;
  readonly log: Logger;
  /** Reads a file. Default from the file system. */
  readonly read?: (path: string) => Promise<string>;
  /** Gives hints that files have changed. Default by the file system. */
  readonly watch?: (paths: readonly string[], onHint: () => void) => FileWatch;
}

/** Credentials that are read again when their files change, for as long as nobody disposes them. */
export interface TlsFiles extends Disposable {
  /** The last good ones. */
  readonly current: Credentials;
  /** Days until the certificate that is shown ends, negative where it has; undefined where none is shown. */
  readonly daysLeft: number | undefined;
  /** Told of new ones, once they are current. Must not throw. The function returned unsubscribes it. */
  onRenewal(listener: (credentials: Credentials) => void): () => void;
}

/** Files are looked at this often, whatever hints there were. */
const LOOK_MS = 30_000;
/** Who writes several files is let do so. */
const WRITING_MS = 100;
/** What is wrong stays so for this long before it is refused: it may be written file by file. */
const DOUBT_MS = 2000;
const DAY_MS = 24 * 60 * 60_000;
/** A certificate that ends before is warned of every day. */
const WARN_DAYS = 14;
/** What a file has to be read in. */
const READ_MS = 10_000;
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Reads credentials, and from then on whatever replaces them: what is new is checked as a whole, and used if it is good; if it
 * is not, the last good ones stay, and the log has one error.
 *
 * @throws CredentialsError where they cannot be used from the start
 */
export async function openTlsFiles(options: TlsFilesOptions): Promise<TlsFiles> {
  const { paths, nameOf, clock, log, today = Date.now, read = readText, watch = watchFiles } = options;
  const roles = Object.keys(paths) as CredentialRole[]; // its keys are those
  const listeners = new Set<(credentials: Credentials) => void>();

  async function readAll(): Promise<Partial<Record<CredentialRole, string>>> {
    const texts = await Promise.all(roles.map((role) => readInTime(role)));
    return Object.fromEntries(roles.map((role, at) => [role, texts[at]]));
  }

  /** A file system may hang; who waits for it would hear of no further change. */
  async function readInTime(role: CredentialRole): Promise<string> {
    const late = Promise.withResolvers<never>();
    const timer = clock.schedule(READ_MS, () => {
      late.reject(new CredentialsError(`${nameOf(role)} cannot be read: no answer within ${READ_MS / 1000} s`));
    });
    try {
      return await Promise.race([readOne(read, paths[role] ?? "", nameOf(role)), late.promise]);
    } finally {
      timer.cancel();
    }
  }

  const first = await readAll();
  let current = checkCredentials(first, options, today());
  /** What the current ones were made of. */
  let accepted = JSON.stringify(first);
  /** What is wrong with what is there, how it looked, and since when. */
  let doubt: { readonly seen: string; readonly since: number; isRefused: boolean } | undefined;
  let isClosed = false;
  let looking: Promise<void> | undefined;
  let isHinted = false;
  const timers = new Map<string, Timer>();

  function later(name: string, delayMs: number, act: () => void): void {
    if (isClosed) {
      return;
    }
    timers.get(name)?.cancel();
    timers.set(
      name,
      clock.schedule(delayMs, () => {
        timers.delete(name);
        act();
      }),
    );
  }

  /** One look after the other. */
  function look(): void {
    if (isClosed) {
      return;
    }
    if (looking !== undefined) {
      isHinted = true;
      return;
    }
    isHinted = false;
    looking = lookOnce().finally(() => {
      looking = undefined;
      later("look", LOOK_MS, look);
      if (isHinted) {
        later("hint", WRITING_MS, look);
      }
    });
  }

  async function lookOnce(): Promise<void> {
    let seen = "";
    try {
      const texts = await readAll();
      seen = JSON.stringify(texts);
      if (seen !== accepted && !isClosed) {
        current = checkCredentials(texts, options, today());
        accepted = seen;
        logRenewal();
        for (const listener of listeners) {
          tell(listener);
        }
        later("remind", msToReminder(), remind);
      } else if (doubt?.isRefused && !isClosed) {
        log.info("action=renew_certificate, status=restored: the files are the last good ones again");
      }
      doubt = undefined;
    } catch (error) {
      refuse(seen, error);
    }
    if (!isClosed) {
      watching.update();
    }
  }

  function refuse(seen: string, error: unknown): void {
    const problem = error instanceof CredentialsError ? error.message : String(error);
    const known = `${seen} ${problem}`;
    if (doubt?.seen !== known) {
      doubt = { seen: known, since: clock.now(), isRefused: false };
    }
    if (doubt.isRefused || isClosed) {
      return;
    }
    if (clock.now() - doubt.since >= DOUBT_MS) {
      doubt.isRefused = true;
      log.error(`action=renew_certificate, status=refused: ${problem}; the last good credentials stay in use`);
    } else {
      later("doubt", DOUBT_MS, look);
    }
  }

  function tell(listener: (credentials: Credentials) => void): void {
    try {
      listener(current);
    } catch (error) {
      log.error({ err: error }, "action=renew_certificate, status=failed: the new credentials could not be put to use");
    }
  }

  function logRenewal(): void {
    const { certificate } = current;
    const what =
      certificate === undefined
        ? ""
        : `, holder=${certificate.holder}, ends=${new Date(certificate.endsAt).toISOString()}`;
    log.info(`action=renew_certificate, status=success${what}`);
  }

  function daysLeft(): number | undefined {
    const { certificate } = current;
    return certificate === undefined ? undefined : Math.floor((certificate.endsAt - today()) / DAY_MS);
  }

  function remind(): void {
    const days = daysLeft();
    const { certificate } = current;
    if (days !== undefined && certificate !== undefined && days < WARN_DAYS) {
      const ends = new Date(certificate.endsAt).toISOString();
      if (days < 0) {
        log.error({ days_left: days }, `the certificate in ${nameOf("cert")} has expired on ${ends}`);
      } else {
        log.warn({ days_left: days }, `the certificate in ${nameOf("cert")} ends ${inDays(days)}, on ${ends}`);
      }
    }
    later("remind", msToReminder(), remind);
  }

  /** A day, or less where there is something to be said before. */
  function msToReminder(): number {
    const { certificate } = current;
    const leftMs = (certificate?.endsAt ?? 0) - today();
    return Math.min(DAY_MS, ...[leftMs - WARN_DAYS * DAY_MS, leftMs].filter((ms) => ms > 0).map((ms) => ms + 1));
  }

  const allPaths = roles.map((role) => paths[role] ?? "");
  const watching = watch(allPaths, () => later("hint", WRITING_MS, look));
  later("look", LOOK_MS, look);
  remind();
  return {
    get current() {
      return current;
    },
    get daysLeft() {
      return daysLeft();
    },
    onRenewal(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    [Symbol.dispose]() {
      isClosed = true;
      watching.close();
      for (const timer of timers.values()) {
        timer.cancel();
      }
    },
  };
}

function inDays(days: number): string {
  return days === 0 ? "within a day" : days === 1 ? "in a day" : `in ${days} days`;
}

async function readOne(read: (path: string) => Promise<string>, path: string, name: string): Promise<string> {
  try {
    return await read(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const why = READ_FAILURES[code] ?? (cause instanceof Error ? cause.message : String(cause));
    throw new CredentialsError(`${name} cannot be read: ${why}`, { cause });
  }
}

const READ_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "this process may not (EACCES)",
};

async function readText(path: string): Promise<string> {
  const facts = await stat(path);
  if (facts.isDirectory()) {
    throw new Error("it is a folder");
  }
  if (!facts.isFile()) {
    throw new Error("it is no file");
  }
  if (facts.size > MAX_FILE_BYTES) {
    throw new Error(`it has more than ${MAX_FILE_BYTES / 1024} KiB`);
  }
  return readFile(path, "utf8");
}
