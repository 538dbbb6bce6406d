/** Lists of BSON documents travel between threads as one piece: each document begins with its length. */

/** The bytes of all documents, one after the other, in a buffer of their own that can be transferred. */
export function pack(documents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(documents.reduce((length, document) => length + document.length, 0));
  let at = 0;
  for (const document of documents) {
    packed.set(document, at);
    at += document.length;
  }
  return packed;
}

/** The documents in `packed`, not copied. */
export function unpack(packed: Uint8Array): readonly Uint8Array[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const documents: Uint8Array[] = [];
  for (let at = 0; at < packed.length; ) {
    const end = at + view.getInt32(at, true);
    documents.push(packed.subarray(at, end));
    at = end;
  }
  return documents;
}
