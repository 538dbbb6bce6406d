import type { Interceptor } from "@connectrpc/connect";
import { fullName, type MethodSelector } from "../call/method-selector.ts";

/** Limits an interceptor to the calls of the methods that are named, and of all methods of the services that are named. */
export function onlyFor(selectors: MethodSelector | readonly MethodSelector[], interceptor: Interceptor): Interceptor {
  const selected = [selectors].flat();
  return (next) => {
    const intercepted = interceptor(next);
    return (request) =>
      selected.some((selector) => sameDescriptor(selector, request.method) || sameDescriptor(selector, request.service))
        ? intercepted(request)
        : next(request);
  };
}

/** By full name, as two copies of generated code describe the same schema by different objects. */
function sameDescriptor(selector: MethodSelector, descriptor: MethodSelector): boolean {
  return selector.kind === descriptor.kind && fullName(selector) === fullName(descriptor);
}
