import { type HeaderSource, lazyHeaders } from "../../wire/lazy-headers.ts";
import type { AnswerFields } from "../connections/http-request.ts";

/** What the fields say under a name (lower case), joined where it is there more than once (RFC 9110, 5.3). */
export function fieldOf(fields: AnswerFields, name: string): string | undefined {
  let value: string | undefined;
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index] as AnswerFields[number]; // within the array
    if (field.name === name) {
      value = value === undefined ? field.value : `${value}, ${field.value}`;
    }
  }
  return value;
}

/** The fields as Fetch has them, made once somebody does more than look one up. */
export function lazyHeadersOf(fields: AnswerFields): Headers {
  return lazyHeaders(new AnswerHeader(fields));
}

class AnswerHeader implements HeaderSource {
  readonly #fields: AnswerFields;

  constructor(fields: AnswerFields) {
    this.#fields = fields;
  }

  field(name: string): string | undefined {
    return fieldOf(this.#fields, name);
  }

  toHeaders(): Headers {
    return headersOf(this.#fields);
  }
}

/** The fields as Fetch has them. */
export function headersOf(fields: AnswerFields): Headers {
  const headers = new Headers();
  for (const { name, value } of fields) {
    headers.append(name, value);
  }
  return headers;
}
