/** Milliseconds of the machine's own clock, the same for all processes: what one of them says, another may compare. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
