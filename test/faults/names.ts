import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";

// Names that exist in this process alone. They are put below `node:dns`, since the clients under test are to be compared
// with their defaults: what a client looks up is not an option of each.

type Callback = (
  error: NodeJS.ErrnoException | null,
  found?: string | readonly dns.LookupAddress[],
  family?: number,
) => void;

/** The names of tests (RFC 6761, 6.2): nobody else has them. */
const OURS = /\.test$/;
const addressesOf = new Map<string, readonly string[]>();
const watchers = new Map<string, Set<() => void>>();

/** Says what a name that ends in `.test` resolves to from now on; without an address it does not resolve. */
export function setName(name: string, addresses: readonly string[]): void {
  addressesOf.set(name, addresses);
  for (const tell of watchers.get(name) ?? []) tell();
}

/** Tells what a name resolves to, soon and at every change, until the function that it returns is called. */
export function watchName(name: string, onAddresses: (addresses: readonly string[]) => void): () => void {
  const tell = () => onAddresses(addressesOf.get(name) ?? []);
  const telling = watchers.get(name) ?? new Set();
  watchers.set(name, telling.add(tell));
  setImmediate(() => telling.has(tell) && tell());
  return () => telling.delete(tell);
}

/** Has look-ups of names in `.test` answered from here, for the rest of this process. */
export function takeOverNames(): void {
  const { lookup, promises } = dns;
  const { lookup: lookupLater, resolveTxt } = promises;

  function lookupHere(name: string, options: unknown, callback?: Callback): void {
    const done = (callback ?? options) as Callback; // Node's own overloads
    const all = typeof options === "object" && options !== null && "all" in options && options.all === true;
    if (!OURS.test(name)) {
      Reflect.apply(lookup, dns, callback === undefined ? [name, done] : [name, options, done]);
      return;
    }
    setImmediate(() => {
      const found = find(name);
      const [first] = found;
      if (first === undefined) done(notFound(name));
      else if (all) done(null, found);
      else done(null, first.address, first.family);
    });
  }
  Object.assign(dns, { lookup: lookupHere });
  Object.assign(promises, {
    async lookup(name: string, options: dns.LookupOptions = {}) {
      if (!OURS.test(name)) return lookupLater(name, options);
      const found = find(name);
      if (found.length === 0) throw notFound(name);
      return options.all === true ? found : found[0];
    },
    // grpc-js asks for a service config along with the address.
    async resolveTxt(name: string) {
      if (!OURS.test(name)) return resolveTxt(name);
      throw notFound(name);
    },
  });
  syncBuiltinESMExports();
}

function find(name: string): readonly dns.LookupAddress[] {
  return (addressesOf.get(name) ?? []).map((address) => ({ address, family: 4 }));
}

function notFound(name: string): Error {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), {
    code: "ENOTFOUND",
    syscall: "getaddrinfo",
    hostname: name,
  });
}
