import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.js";

/** The longest name, in characters (code points). */
const MAX_NAME_LENGTH = 100;

/**
 * Answers `name` where it is one: 1 to 100 characters (code points), not only white space.
 *
 * @param field where the name came from, such as `names[3]`
 * @throws ConnectError `invalid_argument` with a BadRequest detail that names the field
 */
export function validName(name: string, field = "name"): string {
  if (name.trim() === "") {
    throw invalidField(field, "must not be empty or only white space");
  }
  if ([...name].length > MAX_NAME_LENGTH) {
    throw invalidField(field, `must not be longer than ${MAX_NAME_LENGTH} characters`);
  }
  return name;
}

/** The error for a field that does not hold what it should; `description` goes on after the field's name. */
export function invalidField(field: string, description: string): ConnectError {
  return new ConnectError(`${field} ${description}`, Code.InvalidArgument, undefined, [
    { desc: BadRequestSchema, value: { fieldViolations: [{ field, description: `${field} ${description}` }] } },
  ]);
}
