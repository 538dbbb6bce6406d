import { mkdirSync, renameSync, rmSync, watch, writeFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { type MountedSecret, mountSecret } from "../../test/tls/mounted-secret.ts";
import { watchFiles } from "./file-watch.ts";

const FIRST = { "tls.crt": "certificate 1", "tls.key": "key 1" };
const SECOND = { "tls.crt": "certificate 2", "tls.key": "key 2" };

function mounted(): MountedSecret {
  const secret = mountSecret(FIRST);
  onTestFinished(() => secret[Symbol.dispose]());
  return secret;
}

/** Watches files, and counts the hints. */
function watching(...paths: readonly string[]) {
  let hints = 0;
  let next = Promise.withResolvers<void>();
  const watched = watchFiles(paths, () => {
    hints++;
    next.resolve();
  });
  onTestFinished(() => watched.close());
  return {
    watched,
    get hints() {
      return hints;
    },
    /** Acts, and waits for a hint that comes after that. */
    async hintAfter(act: () => void): Promise<void> {
      next = Promise.withResolvers();
      act();
      await next.promise;
    },
  };
}

/** Waits until the system has told of something that happens in a folder now, and thereby of all before it. */
async function told(folder: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(folder, (_event, name) => name === "sentinel" && resolve());
  writeFileSync(`${folder}/sentinel`, "");
  await promise;
  watcher.close();
}

describe("a hint comes", () => {
  test("when a file is written over, through the links that lead to it", async () => {
    const secret = mounted();
    const { hintAfter } = watching(secret.pathOf("tls.crt"), secret.pathOf("tls.key"));
    await hintAfter(() => secret.overwrite({ "tls.key": "key 2" }));
  });

  test("in a folder that has taken the place of another, once that is known", async () => {
    const secret = mounted();
    const folder = secret.pathOf("inner");
    mkdirSync(folder);
    writeFileSync(`${folder}/tls.crt`, "certificate 1");
    const { watched, hintAfter } = watching(`${folder}/tls.crt`);
    renameSync(folder, secret.pathOf("before"));
    mkdirSync(folder);
    writeFileSync(`${folder}/tls.crt`, "certificate 2");
    watched.update();
    await hintAfter(() => writeFileSync(`${folder}/tls.crt`, "certificate 3"));
  });

  test("when another file is put in its place", async () => {
    const secret = mounted();
    writeFileSync(secret.pathOf("new"), "certificate 2");
    const { hintAfter } = watching(secret.pathOf("tls.crt"));
    await hintAfter(() => renameSync(secret.pathOf("new"), secret.pathOf("tls.crt")));
  });

  test("when Kubernetes swaps the link above it, again and again", async () => {
    const secret = mounted();
    const { watched, hintAfter } = watching(secret.pathOf("tls.crt"), secret.pathOf("tls.key"));
    for (const content of [SECOND, FIRST, SECOND]) {
      const swap = secret.prepare(content);
      await told(secret.folder);
      await hintAfter(swap);
      watched.update();
    }
  });

  test("from where links lead since they were swapped, once the files were read, and from there alone", async () => {
    const secret = mounted();
    const seen = watching(secret.pathOf("tls.crt"));
    const { watched, hintAfter } = seen;
    await hintAfter(() => secret.swap(SECOND));
    watched.update();
    await told(secret.folder);
    await hintAfter(() => writeFileSync(secret.pathOf("..2026_2/tls.crt"), "certificate 3"));
    await told(secret.folder);
    const { hints } = seen;
    writeFileSync(secret.pathOf("..2026_1/tls.crt"), "certificate 4");
    await told(secret.pathOf("..2026_1"));
    expect(seen.hints).toBe(hints);
  });

  test("when a file is removed, and when it is there again", async () => {
    const secret = mounted();
    const { hintAfter } = watching(secret.pathOf("tls.crt"));
    await hintAfter(() => rmSync(secret.pathOf("tls.crt")));
    await hintAfter(() => writeFileSync(secret.pathOf("tls.crt"), "certificate 2"));
  });

  test("from a folder that was not there, once it is and the files were looked for", async () => {
    const secret = mounted();
    const late = secret.pathOf("late");
    const { watched, hintAfter } = watching(`${late}/tls.crt`);
    mkdirSync(late);
    watched.update();
    await hintAfter(() => writeFileSync(`${late}/tls.crt`, "certificate"));
  });
});

test("a folder that is gone is no error, and the others are watched all the same", async () => {
  const secret = mounted();
  const gone = secret.pathOf("gone");
  mkdirSync(gone);
  const { watched, hintAfter } = watching(`${gone}/tls.crt`, secret.pathOf("tls.key"));
  await hintAfter(() => rmSync(gone, { recursive: true }));
  watched.update();
  await told(secret.folder);
  await hintAfter(() => secret.overwrite({ "tls.key": "key 2" }));
});

test("no hint comes once it is closed", async () => {
  const secret = mounted();
  const seen = watching(secret.pathOf("tls.crt"));
  seen.watched.close();
  secret.swap(SECOND);
  await told(secret.folder);
  await told(secret.pathOf("..2026_1"));
  expect(seen.hints).toBe(0);
});
