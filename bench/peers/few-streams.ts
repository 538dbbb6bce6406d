import { setTimeout as delay } from "node:timers/promises";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { implement } from "../../src/wire/implement.ts";
import { DELAY_MS, HELD, SLOW, STREAMS } from "./answers.ts";
import { serveBare } from "./bare-port.ts";
import { names } from "./names.ts";

// Our port with a limit of streams that makes clients wait. It answers SLOW after a while, and HELD once it is told to by
// any message.

const released = Promise.withResolvers<void>();
process.once("message", () => released.resolve());

async function processName({ name }: { readonly name: string }) {
  if (name === SLOW) await delay(DELAY_MS);
  if (name === HELD) await released.promise;
  return { name: name.toUpperCase() };
}

await serveBare([implement(NameService, { ...names, processName })], { streamsPerConnection: STREAMS });
