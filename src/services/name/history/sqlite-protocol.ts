/** Where the thread of the embedded database keeps entries, and how many. */
export interface DatabasePlace {
  /** Made where it is missing. Undefined: in memory. */
  readonly folder: string | undefined;
  /** The oldest go where there are more. */
  readonly maxEntries: number;
}

/** What the thread is asked to do. Ids are of 12 bytes, and lists of ids or of BSON documents are one after the other. */
export type Operation =
  | { readonly kind: "insert"; readonly ids: Uint8Array<ArrayBuffer>; readonly documents: Uint8Array<ArrayBuffer> }
  | { readonly kind: "get"; readonly id: Uint8Array }
  | { readonly kind: "page"; readonly before: Uint8Array | undefined; readonly size: number }
  | { readonly kind: "close" };

export interface Question {
  readonly number: number;
  readonly operation: Operation;
}

/** The number of the answer that says whether the database is open; nobody asks for it. */
export const OPENING = 0;

export type Answer =
  | { readonly number: number; readonly documents: Uint8Array<ArrayBuffer> }
  | { readonly number: number; readonly failure: Failure };

export interface Failure {
  readonly message: string;
  /** It is the documents that are wrong, and will be whenever it is tried. */
  readonly isRefusal: boolean;
  /** It may be otherwise when it is tried again, with nothing else done. */
  readonly mayPass: boolean;
}
