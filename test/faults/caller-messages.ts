import type { CallerReport } from "./call-record.ts";
import type { Target } from "./clients/tested-client.ts";
import type { Burst, LoadPlan } from "./load-plan.ts";

/** What a caller's process is told. */
export type CallerCommand =
  | { readonly do: "name"; readonly name: string; readonly addresses: readonly string[] }
  | { readonly do: "start"; readonly client: string; readonly target: Target; readonly plan: LoadPlan }
  | { readonly do: "burst"; readonly burst: Burst }
  /** Begin no further call, and say what came of all once they have settled. */
  | { readonly do: "settle" }
  /** Close the client, and report. */
  | { readonly do: "close" };

/** What it says: each answers the command of its name, and `failed` any. */
export type CallerWord =
  | { readonly said: "name" | "burst" }
  | { readonly said: "start" | "settle" }
  | { readonly said: "close"; readonly report: CallerReport }
  | { readonly said: "failed"; readonly why: string };
