import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** The Chromium of this machine, if there is one. */
export const chromiumPath = (process.env["PATH"] ?? "")
  .split(delimiter)
  .concat("/usr/bin")
  .flatMap((folder) => NAMES.map((name) => join(folder, name)))
  .find(isExecutable);

/** What a title says of tests that need it. */
export const chromiumNote = chromiumPath === undefined ? " (skipped: no Chromium here)" : "";

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Not there, or not for us: what was asked.
  }
}

/**
 * Starts a headless Chromium that keeps to itself.
 *
 * @param args further arguments, such as `--host-resolver-rules=…`
 */
export function launchChromium(...args: readonly string[]): Promise<Browser> {
  return chromium.launch({
    ...(chromiumPath !== undefined && { executablePath: chromiumPath }),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...args,
    ],
  });
}
