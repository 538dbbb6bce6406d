import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { WebPeer } from "./web-request.ts";

/** What may be called on a connection that others share: what only tells of it. */
const HARMLESS = /^(?:get[A-Z]|is[A-Z]|address$|exportKeyingMaterial$|constructor$|toString$|valueOf$|hasOwnProperty$)/;
/** What frameworks call on a connection as a matter of course, and what is the port's affair here. */
const IGNORED: ReadonlySet<PropertyKey> = new Set(["setKeepAlive", "setNoDelay", "ref", "unref", "cork", "uncork"]);
const CUTTING: ReadonlySet<PropertyKey> = new Set(["destroy", "destroySoon", "resetAndDestroy", "end"]);

/**
 * The connection as one exchange sees it: it tells what the socket does (addresses, `encrypted`, certificates), but its
 * events are this exchange's, to destroy it ends this exchange only, and what is set on it stays here. To write to it or
 * read from it throws.
 */
export class SocketView implements ProxyHandler<Socket> {
  readonly events = new EventEmitter();
  readonly proxy: Socket;
  readonly #peer: WebPeer;
  readonly #cut: () => void;
  readonly #own = new Map<PropertyKey, unknown>();
  #isClosed = false;

  /** @param cut ends the exchange */
  constructor(socket: Socket, peer: WebPeer, cut: () => void) {
    this.#peer = peer;
    this.#cut = cut;
    this.events.setMaxListeners(0);
    this.events.on("error", () => undefined); // emitted by nobody but an application
    this.proxy = new Proxy(socket, this);
  }

  /** The exchange's stream is closed. */
  close(): void {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.events.emit("close", false);
    }
  }

  get(socket: Socket, key: PropertyKey): unknown {
    if (this.#own.has(key)) {
      return this.#own.get(key);
    }
    if (key === "destroyed" || key === "closed") {
      return this.#peer.stream.isClosed;
    }
    if (key === "readable" || key === "writable") {
      return !this.#peer.stream.isClosed;
    }
    const value: unknown = Reflect.get(socket, key);
    if (typeof value !== "function" || key === "constructor") {
      return value;
    }
    const method = this.#method(socket, key, value);
    this.#own.set(key, method); // the same function every time, as a method is
    return method;
  }

  set(_socket: Socket, key: PropertyKey, value: unknown): boolean {
    this.#own.set(key, value);
    return true;
  }

  has(socket: Socket, key: PropertyKey): boolean {
    return this.#own.has(key) || Reflect.has(socket, key);
  }

  deleteProperty(_socket: Socket, key: PropertyKey): boolean {
    this.#own.delete(key);
    return true;
  }

  defineProperty(): boolean {
    return false;
  }

  setPrototypeOf(): boolean {
    return false;
  }

  #method(socket: Socket, key: PropertyKey, value: unknown): unknown {
    if (CUTTING.has(key)) {
      return this.#chained(this.#cut);
    }
    if (IGNORED.has(key)) {
      return this.#chained(() => undefined);
    }
    if (key === "setTimeout") {
      return this.#chained((timeoutMs: number, callback?: () => void) => {
        if (callback !== undefined) {
          this.events.once("timeout", callback);
        }
        this.#peer.setTimeout(timeoutMs);
      });
    }
    const ofEvents: unknown = Reflect.get(EventEmitter.prototype, key);
    if (typeof ofEvents === "function" && Object.hasOwn(EventEmitter.prototype, key)) {
      return (...parameters: unknown[]) => {
        const result: unknown = Reflect.apply(ofEvents, this.events, parameters);
        return result === this.events ? this.proxy : result;
      };
    }
    if (typeof key === "string" && HARMLESS.test(key) && typeof value === "function") {
      return (...parameters: unknown[]) => Reflect.apply(value, socket, parameters);
    }
    return () => {
      const message = `${String(key)} would touch a connection that other requests share`;
      throw Object.assign(new Error(message), { code: "ERR_HTTP2_NO_SOCKET_MANIPULATION" });
    };
  }

  #chained<P extends unknown[]>(act: (...parameters: P) => void): (...parameters: P) => Socket {
    return (...parameters) => {
      act(...parameters);
      return this.proxy;
    };
  }
}
