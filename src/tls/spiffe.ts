/** The longest id (SPIFFE-ID, 2.3), in bytes. */
const MAX_BYTES = 2048;
/** A trust domain in lower case, and a path of segments (SPIFFE-ID, 2.1 and 2.2). The path is a workload's, so it is not empty. */
const WORKLOAD_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/[A-Za-z0-9._-]+)+$/;
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/;

/**
 * Whether `uri` is the SPIFFE id of a workload: no other scheme, port, query, fragment or escape, and a path.
 *
 * Source: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md, and X509-SVID.md, 5.2, for the path.
 */
export function isWorkloadId(uri: string): boolean {
  return (
    Buffer.byteLength(uri) <= MAX_BYTES && WORKLOAD_ID.test(uri) && !DOT_SEGMENT.test(uri.slice("spiffe://".length))
  );
}
