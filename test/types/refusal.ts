import { DomainValueError } from "../../src/types/domain-value-error.ts";

/** The error with which `work` refuses a value; fails where it refuses none. */
export function refusal(work: () => unknown): DomainValueError {
  try {
    work();
  } catch (error) {
    if (error instanceof DomainValueError) {
      return error;
    }
    throw error;
  }
  throw new Error("nothing was refused");
}
