import type { Connection } from "./connection.ts";

/** Speaks a version of HTTP on connections that are handed to it. */
export interface Carrier {
  /** Takes a connection whose first bytes are of this version; they are back in its socket, which is paused. */
  accept(connection: Connection): void;
}
