/** How a field's value goes from the wire to handlers and clients, and back. Made once, for all fields of a kind. */
export interface FieldType<Wire, Value, Init> {
  /**
   * @param field the field's name, for errors
   * @throws DomainValueError where the value on the wire is none of the domain type, or none that it holds exactly
   */
  fromWire(wire: Wire, field: string): Value;
  /** @throws DomainValueError where the value is none of the domain type, or none that the wire holds exactly */
  toWire(value: Init, field: string): Wire;
}

/**
 * The tag by which BSON's values are known, whichever copy and major version of `bson` has made them. Plain data has none: what
 * JSON says of itself is only what its sender says.
 */
export function bsonTypeOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "_bsontype" in value && !isPlain(value)
    ? value._bsontype
    : undefined;
}

/** Whether an object is of no class, as data is that was parsed. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
