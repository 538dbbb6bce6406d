import { type FSWatcher, realpathSync, statSync, watch } from "node:fs";
import { dirname } from "node:path";

/** Hears of changes of files, until it is closed. */
export interface FileWatch {
  /** To be called when the files were read: links may lead elsewhere now. */
  update(): void;
  close(): void;
}

/**
 * Watches the folders of files, and those that links lead to: a folder tells of every way in which a file is replaced, such as
 * a rename over it, or the swap of a link beside it, by which Kubernetes renews what it has mounted. A hint and no more: what
 * cannot be watched (a network's file system, a folder that is gone, a link higher up) is found by whoever looks from time to
 * time.
 */
export function watchFiles(paths: readonly string[], onHint: () => void): FileWatch {
  /** By their paths, and with what stood there: another folder may take its place. */
  const watchers = new Map<string, { readonly watcher: FSWatcher; readonly inode: number | undefined }>();

  function forget(folder: string): void {
    watchers.get(folder)?.watcher.close();
    watchers.delete(folder);
  }

  function update(): void {
    const wanted = new Set(paths.flatMap((path) => [dirname(path), ...realFolder(path)]));
    for (const [folder, { inode }] of watchers) {
      if (!wanted.has(folder) || inode !== inodeOf(folder)) {
        forget(folder);
      }
    }
    for (const folder of wanted) {
      if (!watchers.has(folder)) {
        add(folder);
      }
    }
  }

  function add(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, onHint);
      watcher.on("error", () => forget(folder));
      watchers.set(folder, { watcher, inode: inodeOf(folder) });
    } catch {
      // it is looked at from time to time all the same
    }
  }

  update();
  return {
    update,
    close() {
      for (const folder of [...watchers.keys()]) {
        forget(folder);
      }
    },
  };
}

function inodeOf(folder: string): number | undefined {
  return statSync(folder, { throwIfNoEntry: false })?.ino;
}

function realFolder(path: string): readonly string[] {
  try {
    return [dirname(realpathSync(path))];
  } catch {
    return [];
  }
}
