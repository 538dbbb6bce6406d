import { inspect } from "node:util";

/** Header fields that are there in another form. */
export interface HeaderSource {
  /** A field's value, by its lower-case name; several joined as Headers joins them. */
  field(name: string): string | undefined;
  toHeaders(): Headers;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Headers that are made once somebody does more with them than ask for a field: most calls never look at theirs. They pass
 * for the real ones wherever those are used by their methods.
 */
class LazyHeaders {
  readonly #source: HeaderSource;
  #real: Headers | undefined;

  /** @param source read for as long as nobody has changed anything */
  constructor(source: HeaderSource) {
    this.#source = source;
  }

  /** What became of `headers`: the real ones, or undefined where they are as their source has them. */
  static realOf(headers: Headers | LazyHeaders): Headers | undefined {
    return headers instanceof LazyHeaders ? headers.#real : (headers as Headers);
  }

  get #headers(): Headers {
    this.#real ??= this.#source.toHeaders();
    return this.#real;
  }

  get(name: string): string | null {
    if (this.#real !== undefined || !TOKEN.test(name)) {
      return this.#headers.get(name); // a name that is none throws there
    }
    return this.#source.field(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  append(name: string, value: string): void {
    this.#headers.append(name, value);
  }

  set(name: string, value: string): void {
    this.#headers.set(name, value);
  }

  delete(name: string): void {
    this.#headers.delete(name);
  }

  getSetCookie(): string[] {
    return this.#headers.getSetCookie();
  }

  forEach(callback: (value: string, key: string, parent: Headers) => void, thisArgument?: unknown): void {
    this.#headers.forEach((value, key) => {
      callback.call(thisArgument, value, key, this as unknown as Headers);
    });
  }

  keys(): HeadersIterator<string> {
    return this.#headers.keys();
  }

  values(): HeadersIterator<string> {
    return this.#headers.values();
  }

  entries(): HeadersIterator<[string, string]> {
    return this.#headers.entries();
  }

  [Symbol.iterator](): HeadersIterator<[string, string]> {
    return this.#headers.entries();
  }

  [inspect.custom](): Headers {
    return this.#headers;
  }
}

// `instanceof Headers` holds, though the constructor, which costs the most, was never called.
Object.setPrototypeOf(LazyHeaders.prototype, Headers.prototype);

/** Lazy headers under the type that they pass for. */
export function lazyHeaders(source: HeaderSource): Headers {
  return new LazyHeaders(source) as unknown as Headers;
}

/** The real headers where somebody may have changed them; undefined where they are as their source has them. */
export function changedHeaders(headers: Headers): Headers | undefined {
  return LazyHeaders.realOf(headers);
}
