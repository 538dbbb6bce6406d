import fc from "fast-check";
import { boxed, outcomeOf } from "../http2/fuzz-frames.ts";
import type { FuzzTarget } from "../http2/fuzz-target.ts";
import { openArena } from "./arena.ts";
import { requests } from "./requests.ts";

/** Some requests at once: what one leaves behind must not change the others. */
const AT_ONCE = 3;

export interface RpcFuzzTarget extends FuzzTarget {
  /** @param most how many times requests are sent, at most */
  run(seed: number, boxMs: number, most?: number): ReturnType<FuzzTarget["run"]>;
}

function target(name: string, hasInterceptors: boolean): RpcFuzzTarget {
  return {
    name,
    async run(seed, boxMs, most) {
      await using arena = await openArena(hasInterceptors);
      const some = fc.array(requests(hasInterceptors), { minLength: 1, maxLength: AT_ONCE });
      const property = fc.asyncProperty(some, async (sent) => {
        const complaint = await arena.compare(sent);
        if (complaint !== undefined) {
          throw new Error(complaint);
        }
      });
      const bounds = most === undefined ? boxed(seed, boxMs) : { ...boxed(seed, boxMs), numRuns: most };
      return outcomeOf(await fc.check(property, bounds));
    },
  };
}

/** The same requests to the lean path, to Connect's universal handlers and to connect-node: the same answers. */
export const rpcFuzz: readonly RpcFuzzTarget[] = [target("rpc", false), target("rpc with interceptors", true)];
