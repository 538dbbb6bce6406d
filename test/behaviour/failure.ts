import { create } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.js";
import type { Failure } from "./gen/behaviour/v1/behaviour_pb.js";

/** What goes with every ConnectError that the service throws. */
export const FAILURE = {
  header: "x-failure",
  value: "metadata of the failure",
  binaryHeader: "x-failure-bin",
  binaryValue: "AAEC/w",
  field: "task.text",
  description: "a detail of the failure",
} as const;

/** Stands in a failure's message for the first half of a character outside of the basic plane. */
export const HALF_A_CHARACTER = "{half}";

/** The error that a failure asks for. */
export function errorFrom({ errorName, code, message: text }: Failure): Error {
  const message = text.replaceAll(HALF_A_CHARACTER, "\ud83d"); // protobuf itself carries none
  if (errorName !== "") {
    return Object.assign(new Error(message), { name: errorName });
  }
  const detail = create(BadRequestSchema, {
    fieldViolations: [{ field: FAILURE.field, description: FAILURE.description }],
  });
  return new ConnectError(
    message,
    code,
    { [FAILURE.header]: FAILURE.value, [FAILURE.binaryHeader]: FAILURE.binaryValue },
    [{ desc: BadRequestSchema, value: detail }],
  );
}
