import type { Contender } from "./contenders.ts";

/** What a contender may take: a number of a unit, or so many times what another takes in the same run. */
export type Limit = { readonly of: Contender } & ({ readonly atMost: number } | { readonly below: number }) &
  ({ readonly to: Contender } | { readonly unit: "KiB" | "ms" });

/** A limit, and what has come of it. */
export interface Verdict {
  /** What is to be, such as `bare: at most 1/8 of node-http2`. */
  readonly limit: string;
  /** Undefined: one of the two was not measured. */
  readonly isMet: boolean | undefined;
  /** What was, such as `1/9.1`. */
  readonly measured: string;
}

/** Holds a limit against what was measured, by contender. */
export function judge(limit: Limit, measured: ReadonlyMap<Contender, number>): Verdict {
  const most = "atMost" in limit ? limit.atMost : limit.below;
  const value = measured.get(limit.of);
  const isAbsolute = "unit" in limit;
  const base = isAbsolute ? 1 : measured.get(limit.to);
  const amount = isAbsolute ? `${most} ${limit.unit}` : most === 1 ? limit.to : `${ratioText(most)} of ${limit.to}`;
  const text = `${limit.of}: ${"atMost" in limit ? "at most" : "below"} ${amount}`;
  if (value === undefined || base === undefined) {
    const absent = value === undefined || isAbsolute ? limit.of : limit.to;
    return { limit: text, isMet: undefined, measured: `${absent} is absent` };
  }
  const ratio = value / base;
  const isMet = "atMost" in limit ? ratio <= most : ratio < most;
  return { limit: text, isMet, measured: isAbsolute ? `${value.toFixed(1)} ${limit.unit}` : ratioText(ratio) };
}

/** `1/12.3` is easier to hold against `1/12` than 0.081. */
export function ratioText(ratio: number): string {
  return ratio <= 0.5 ? `1/${Number((1 / ratio).toFixed(1))}` : ratio.toFixed(2);
}
