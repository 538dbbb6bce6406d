import { randomUUID } from "node:crypto";

/** The header that carries the request id, in and out, on every protocol. */
export const REQUEST_ID_HEADER = "x-request-id";
/** The metadata key that the article used; read, never written. */
export const ARTICLE_REQUEST_ID_HEADER = "request_id";

const ACCEPTABLE = /^[A-Za-z0-9._:-]{1,128}$/;

/** The caller's request id where it is acceptable (1 to 128 characters of `[A-Za-z0-9._:-]`), otherwise a new UUID. */
export function requestIdFrom(sent: string | null | undefined): string {
  return typeof sent === "string" && ACCEPTABLE.test(sent) ? sent : randomUUID();
}
