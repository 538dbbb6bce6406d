import { Long, ObjectId, UUID } from "bson";
import { currentCall } from "portico";
import type { Recorder } from "./recorder.ts";

/** Has `work`, which is done in calls, recorded with what it was given, what came of it, and how long it took. */
export function recordCalls(
  work: (name: string) => string,
  { record }: Pick<Recorder, "record">,
): (name: string) => string {
  const instance = new UUID(); // of this process
  return (name) => {
    const startedAt = process.hrtime.bigint();
    const processedName = work(name);
    const tookNs = Long.fromBigInt(process.hrtime.bigint() - startedAt);
    const { requestId } = currentCall();
    record({ _id: new ObjectId(), name, processedName, processedAt: new Date(), tookNs, requestId, instance });
    return processedName;
  };
}
