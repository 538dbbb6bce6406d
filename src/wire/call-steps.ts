import { Code, ConnectError } from "@connectrpc/connect";
import type { Interruptible } from "../call/call.ts";
import type { PlannedCall } from "./call-plan.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Makes an exchange's call that of a method, with its deadline.
 *
 * @param cut told when the call is cut short, which may be at once
 * @returns false where it has been cut short already
 */
export function beginCall(
  exchange: Exchange,
  { plan }: PlannedCall,
  timeoutMs: number | undefined,
  cut: Interruptible,
): boolean {
  const { call } = exchange;
  call.method = plan.method.descriptor;
  call.protocol = plan.protocol;
  call.interruptible = cut;
  if (call.interruption !== undefined) {
    cut.interrupt(call.interruption);
    return false;
  }
  if (timeoutMs !== undefined) {
    call.startDeadline(timeoutMs);
    if (call.timeLeftMs() === 0) {
      call.expire(); // it had none, or was held until it was over
      return false;
    }
  }
  return true;
}

/** What a caller is told of what a handler threw, without a service's rules: as Connect has it. */
export function connectErrorOf(thrown: unknown): ConnectError {
  return thrown instanceof ConnectError
    ? thrown
    : new ConnectError("internal error", Code.Internal, undefined, undefined, thrown);
}

/** An answer cannot be written, such as for a field that HTTP/1.1 has no place for. */
export function breakOff(exchange: Exchange, cause: unknown): void {
  exchange.call.log.error({ err: cause }, "an answer could not be written");
  exchange.breakOff();
}

/** An interceptor may answer with headers of its own in the place of the context's. */
export function replaceHeaders(context: Headers, answered: Headers): void {
  if (context === answered) {
    return;
  }
  for (const name of [...context.keys()]) {
    context.delete(name);
  }
  answered.forEach((value, name) => {
    context.set(name, value);
  });
}
