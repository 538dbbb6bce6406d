import { justified, type Pair } from "./differences.ts";
import { type Difference, differencesBetween, type Outcome, outcomeOf } from "./outcome.ts";
import { createRawClient, type RawClient, type RawRequest } from "./raw-client.ts";
import { SERVERS, type Server, type ServerName, startServer } from "./servers.ts";

/** The servers that are compared, and a client of each. */
export interface Arena extends AsyncDisposable {
  /**
   * Sends the same requests, all at once, to every server.
   *
   * @returns what differs and is not justified, in words
   */
  compare(requests: readonly RawRequest[]): Promise<string | undefined>;
}

/** Which is compared with which: ours first. */
const PAIRS: readonly Pair[] = [
  ["universal", "connect-node"],
  ["lean", "universal"],
  ["lean", "connect-node"],
];

interface Contender {
  readonly server: Server;
  readonly client: RawClient;
}

export async function openArena(hasInterceptors: boolean): Promise<Arena> {
  const started = SERVERS.map(async (name): Promise<readonly [ServerName, Contender]> => {
    const server = await startServer(name, hasInterceptors);
    return [name, { server, client: createRawClient(server.port) }];
  });
  const contenders = new Map(await Promise.all(started));
  let cases = 0;

  async function outcomesOf(request: RawRequest, isFresh: boolean): Promise<ReadonlyMap<ServerName, Outcome>> {
    const caseId = String(cases++);
    const outcomes = [...contenders].map(async ([name, { server, client }]) => {
      using fresh = isFresh ? createRawClient(server.port) : undefined;
      return [name, await outcomeOf(server, fresh ?? client, request, caseId)] as const;
    });
    return new Map(await Promise.all(outcomes));
  }

  return {
    async compare(requests) {
      const found = await Promise.all(
        requests.map(async (request) => {
          const outcomes = await outcomesOf(request, false);
          const complaint = complaintOf(request, outcomes);
          // What an answer of connect-node's, or one that was broken off, did to the connection is another request's loss.
          const isDoubtful = complaint?.includes("connect-node") || [...outcomes.values()].some(isLost);
          return complaint !== undefined && isDoubtful
            ? complaintOf(request, await outcomesOf(request, true))
            : complaint;
        }),
      );
      return found.find((complaint) => complaint !== undefined);
    },
    async [Symbol.asyncDispose]() {
      for (const { server, client } of contenders.values()) {
        client[Symbol.dispose]();
        await server[Symbol.asyncDispose]();
      }
    },
  };
}

function isLost({ answer }: Outcome): boolean {
  return answer.end !== "complete";
}

function complaintOf(request: RawRequest, outcomes: ReadonlyMap<ServerName, Outcome>): string | undefined {
  for (const pair of PAIRS) {
    const [our, their] = pair;
    const [ours, theirs] = [outcomes.get(our), outcomes.get(their)];
    if (ours !== undefined && theirs !== undefined) {
      const differences = differencesBetween(ours, theirs).filter(
        (difference) => !justified(pair, difference, { request, ours, theirs }),
      );
      if (differences.length > 0) {
        return [`${our} differs from ${their}`, ...shownRequest(request), ...differences.map(shown)].join("\n");
      }
    }
  }
  return undefined;
}

const MOST_SHOWN = 400;

function shown({ aspect, ours, theirs }: Difference): string {
  const [our, their] = [ours, theirs].map((it) =>
    it === undefined ? "none" : JSON.stringify(it).slice(0, MOST_SHOWN),
  );
  return `  ${aspect}\n    ours   ${our}\n    theirs ${their}`;
}

function shownRequest({ version, method, target, fields, chunks }: RawRequest): readonly string[] {
  return [
    `HTTP/${version} ${method} ${target}`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
    "",
    ...chunks.map((chunk) => JSON.stringify(Buffer.from(chunk).toString("latin1"))),
  ];
}
