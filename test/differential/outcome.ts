import type { Fields, RawAnswer, RawClient, RawRequest } from "./raw-client.ts";
import type { Server } from "./servers.ts";
import { CASE_HEADER, type Facts } from "./witness.ts";

/** What a request led to in one server: what came back, and what its handlers and interceptors saw. */
export interface Outcome {
  readonly answer: RawAnswer;
  readonly seen: readonly Facts[];
}

/** Sends a request, as the case of this id, and brings together what it led to. */
export async function outcomeOf(
  server: Server,
  client: RawClient,
  request: RawRequest,
  caseId: string,
): Promise<Outcome> {
  const answer = await client.send({ ...request, fields: [...request.fields, [CASE_HEADER, caseId]] });
  return { answer, seen: server.witness.take(caseId) };
}

/** Fields that HTTP/1.1's framing, the connection or the port adds; RPC says nothing of them. */
const NOT_COMPARED: ReadonlySet<string> = new Set(["date", "connection", "keep-alive", "transfer-encoding"]);

/** An outcome by names, so that two can be compared: what is missing is not there. */
export function aspectsOf({ answer, seen }: Outcome): ReadonlyMap<string, string> {
  const aspects = new Map<string, string>([
    ["end", answer.end],
    ["status", String(answer.status)],
    ["body", answer.body.toString("latin1")],
  ]);
  addFields(aspects, "header", answer.fields);
  addFields(aspects, "trailer", answer.trailers);
  seen.forEach((facts, index) => {
    for (const [name, value] of Object.entries(facts)) {
      addSeen(aspects, `seen ${index} ${name}`, value);
    }
  });
  return aspects;
}

function addFields(aspects: Map<string, string>, where: string, fields: Fields): void {
  for (const [name, value] of fields) {
    if (!NOT_COMPARED.has(name)) {
      const key = `${where} ${name}`;
      const before = aspects.get(key);
      aspects.set(key, before === undefined ? value : `${before}\n${value}`);
    }
  }
}

/** Fields are aspects of their own; all else is as it is. */
function addSeen(aspects: Map<string, string>, name: string, value: unknown): void {
  if (Array.isArray(value) && value.every(Array.isArray)) {
    addFields(aspects, name, value as unknown as Fields);
  } else {
    aspects.set(name, typeof value === "string" ? value : JSON.stringify(value));
  }
}

/** One aspect in which two outcomes differ. */
export interface Difference {
  readonly aspect: string;
  readonly ours: string | undefined;
  readonly theirs: string | undefined;
}

export function differencesBetween(ours: Outcome, theirs: Outcome): readonly Difference[] {
  const [our, their] = [aspectsOf(ours), aspectsOf(theirs)];
  return [...new Set([...our.keys(), ...their.keys()])]
    .filter((aspect) => our.get(aspect) !== their.get(aspect))
    .map((aspect) => ({ aspect, ours: our.get(aspect), theirs: their.get(aspect) }));
}
