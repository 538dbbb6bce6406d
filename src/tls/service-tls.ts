import { serviceInProgress } from "../call/current.ts";
import type { RenewableTls } from "./renewable-tls.ts";

const byService = new WeakMap<object, RenewableTls>();

/**
 * Remembers a service's certificates, so that the channels which are opened in it use them without being told.
 *
 * @param service what {@link serviceInProgress} gives in it
 */
export function keepServiceTls(service: object, tls: RenewableTls): void {
  byService.set(service, tls);
}

/** What channels use by themselves here; undefined outside of a service, and in one without certificates. */
export function serviceTls(): RenewableTls | undefined {
  const service = serviceInProgress();
  return service === undefined ? undefined : byService.get(service);
}
