import { DomainValueError, kindOf, within } from "./domain-value-error.ts";

/** Converts what a field holds; `field` is what errors name it by. */
type Convert<From, To> = (value: From, field: string) => To;

const MAX_QUOTED_KEY = 64;

/** Refuses what is no object where a message is to be given: from it nothing would be taken. */
export function assertObject(value: unknown): void {
  if (typeof value !== "object" || value === null) {
    throw new DomainValueError("", `must be an object with the message's fields; it is ${kindOf(value)}`);
  }
}

/** Converts a message that a field holds. */
export function inField<From, To>(convert: (value: From) => To, value: From, field: string): To {
  try {
    return convert(value);
  } catch (error) {
    throw within(error, field);
  }
}

/** Converts the elements of a repeated field. */
export function each<From, To>(convert: Convert<From, To>, values: readonly From[], field: string): To[] {
  if (!Array.isArray(values)) {
    throw new DomainValueError(field, `must be an array; it is ${kindOf(values)}`);
  }
  const converted = new Array<To>(values.length);
  let at = 0;
  try {
    for (const value of values) {
      converted[at] = convert(value, "");
      at++;
    }
  } catch (error) {
    throw within(error, `${field}[${at}]`);
  }
  return converted;
}

/** Converts the values of a map. */
export function eachValue<From, To>(
  convert: Convert<From, To>,
  values: Readonly<Record<string | number, From>>,
  field: string,
): Record<string, To> {
  if (typeof values !== "object" || values === null || Array.isArray(values) || values instanceof Map) {
    throw new DomainValueError(field, `must be an object with a property for each key; it is ${kindOf(values)}`);
  }
  const converted: Record<string, To> = {};
  for (const [key, value] of Object.entries(values)) {
    try {
      setOwn(converted, key, convert(value, ""));
    } catch (error) {
      throw within(error, `${field}[${JSON.stringify(key.slice(0, MAX_QUOTED_KEY))}]`);
    }
  }
  return converted;
}

/** Sets a property of its own, whatever it is called: `__proto__` is no other than the rest. */
function setOwn<T>(object: Record<string, T>, key: string, value: T): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[key] = value;
  }
}
