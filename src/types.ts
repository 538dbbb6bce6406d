// What generated code is made of: nothing of a service, of the network or of Node.
export {
  type BinaryLike,
  binaryOfBytes,
  type UuidLike,
  uuidOfBytes,
  uuidOfText,
} from "./types/binary.ts";
export { dateDroppingNanoseconds, dateOfTimestamp } from "./types/date.ts";
export { type Decimal128Like, decimal128OfText } from "./types/decimal128.ts";
export { DomainValueError } from "./types/domain-value-error.ts";
export type { FieldType } from "./types/field-type.ts";
export { type LongLike, longOfInt64 } from "./types/long.ts";
export type { MessageType, MethodTypes, ServiceTypes } from "./types/message-type.ts";
export { type ObjectIdLike, objectIdOfBytes, objectIdOfText } from "./types/object-id.ts";
export { assertObject, each, eachValue, inField } from "./types/structure.ts";
