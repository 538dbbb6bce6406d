import type { Client } from "@connectrpc/connect";
import { currentCall } from "portico";
import type { NameService } from "../../../gen/name/v1/name_pb.js";
import { invalidField, validName } from "../valid-name.ts";

const MAX_NAMES = 100;

/** What greeter does, whichever way it is called. */
export interface Greeter {
  /** Throws `invalid_argument` where the name is none. */
  sayHello(name: string): Promise<string>;
  /** Greets in order. Throws `invalid_argument`, before the first greeting, where a name is none or they are too many. */
  sayHelloToEach(names: readonly string[]): AsyncIterable<string>;
}

export function createGreeter(names: Client<typeof NameService>): Greeter {
  async function greet(name: string, action: string): Promise<string> {
    const processed = await names.processName({ name });
    const hello = `Hello, ${processed.name}!`;
    currentCall().log.info(`action=${action}, status=success, hello=${hello}`);
    return hello;
  }
  return {
    sayHello: async (name) => greet(validName(name), "say_hello"),
    async *sayHelloToEach(all) {
      if (all.length > MAX_NAMES) {
        throw invalidField("names", `must not be more than ${MAX_NAMES}`);
      }
      for (const name of all.map((name, at) => validName(name, `names[${at}]`))) {
        yield await greet(name, "say_hello_to_each");
      }
    },
  };
}
