import { type Clock, systemClock } from "../call/clock.ts";
import type { Connect } from "./connections/connection.ts";

/** What a channel stands on; tests put others in the place of the system's. */
export interface ChannelSurroundings {
  readonly clock: Clock;
  /** Numbers from 0 to 1, without 1. */
  readonly random: () => number;
  /** Begins to connect to a backend. Default: over a socket. */
  readonly connect?: Connect;
}

export const SYSTEM: ChannelSurroundings = { clock: systemClock, random: Math.random };
