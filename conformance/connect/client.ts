import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { makeCall } from "./call.ts";
import { createChannels } from "./channels.ts";
import { delimited, readDelimited } from "./delimited.ts";
import { endWithParent } from "./end-with-parent.ts";
import { type ClientCompatRequest, type ClientCompatResponse, type ClientResult, loadSchema } from "./schema.ts";

// The client under test, as the suite's runner starts it: it reads calls to make from standard input, and writes what came
// of them to standard output, in the order in which they end; whatever else there is to say goes to standard error.

/** Calls under way at a time; most of them wait, for an answer that is delayed or for a deadline. */
const AT_ONCE = 16;
/** The longest case takes a second; the runner gives up once it has heard nothing for 20. */
const callWithinMs = 10_000;

endWithParent();
const schema = loadSchema(process.argv[2] ?? "");
const requestSchema = schema.message<ClientCompatRequest>("ClientCompatRequest");
const responseSchema = schema.message<ClientCompatResponse>("ClientCompatResponse");
await using channels = createChannels(schema.registry);

async function answer(request: ClientCompatRequest): Promise<void> {
  const { testName } = request;
  const result = await bounded(request).then(
    (value) => ({ case: "response" as const, value }),
    (thrown: unknown) => ({ case: "error" as const, value: { message: describe(thrown) } }),
  );
  process.stdout.write(delimited(toBinary(responseSchema, create(responseSchema, { testName, result }))));
}

/** A call that hangs must not stop the others: it is answered all the same, and cancelled. */
async function bounded(request: ClientCompatRequest): Promise<ClientResult> {
  const stop = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    stop.abort();
    late.reject(new Error(`the call has not ended within ${callWithinMs} ms`));
  }, callWithinMs);
  try {
    return await Promise.race([makeCall(schema, channels.for(request), request, stop.signal), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function describe(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}

const underWay = new Set<Promise<void>>();
for await (const bytes of readDelimited(process.stdin)) {
  const call = answer(fromBinary(requestSchema, bytes)).finally(() => underWay.delete(call));
  underWay.add(call);
  if (underWay.size >= AT_ONCE) {
    await Promise.race(underWay);
  }
}
await Promise.all(underWay);
