import { AsyncLocalStorage } from "node:async_hooks";
import type { RenewableTls } from "./renewable-tls.ts";

const ofService = new AsyncLocalStorage<RenewableTls>();

/** Runs a service, so that the channels which it opens use its certificates without being told. */
export function runWithTls<T>(tls: RenewableTls, work: () => T): T {
  return ofService.run(tls, work);
}

/** What channels use by themselves here; undefined outside of a service, and in one without certificates. */
export function serviceTls(): RenewableTls | undefined {
  return ofService.getStore();
}
