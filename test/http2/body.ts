/** What stands at `offset` of the body that a stream carries in one direction: unlike its neighbours, and other streams. */
function byteAt(streamId: number, offset: number, isRequest: boolean): number {
  return (offset * 31 + (offset >> 8) * 17 + streamId * 7 + (isRequest ? 1 : 0)) & 0xff;
}

export function bodyPart(streamId: number, offset: number, length: number, isRequest: boolean): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) {
    bytes[at] = byteAt(streamId, offset + at, isRequest);
  }
  return bytes;
}

/** Whether the bytes are what stands at `offset`. */
export function isBodyPart(bytes: Uint8Array, streamId: number, offset: number, isRequest: boolean): boolean {
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== byteAt(streamId, offset + at, isRequest)) {
      return false;
    }
  }
  return true;
}
