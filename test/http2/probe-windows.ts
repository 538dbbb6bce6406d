import type { SimulatedPeer } from "./simulated-peer.ts";
import type { SimulatedStream } from "./simulated-stream.ts";
import type { World } from "./simulation.ts";

const WINDOW_BYTES = 4_000_000;
/** What is sent beyond the window, so that it waits. */
const EXCESS_BYTES = 1000;

/**
 * Fills the windows of the whole connection in both directions and empties them again: what is sent is all that was
 * granted, and what is granted anew is the whole window. Not a byte may have been lost to the streams before.
 *
 * @param drain lets pass all that is under way, with nobody doing anything
 */
export function probeWindows(world: World, drain: () => void): void {
  const { client, server } = world;
  if (client.connection.isLeaving || server.connection.isLeaving) {
    return;
  }
  client.connection.changeSettings({ initialWindowBytes: WINDOW_BYTES });
  server.connection.changeSettings({ initialWindowBytes: WINDOW_BYTES });
  drain();
  const asked = client.openProbe();
  drain();
  const answered = server.streams.find(({ stream }) => stream.id === asked?.stream.id);
  if (asked === undefined || answered === undefined) {
    return; // it was told to leave meanwhile
  }
  answered.stream.sendHead([[":status", "200"]], false);
  const isFull = {
    server: fill(world, asked, "client", "server", drain),
    client: fill(world, answered, "server", "client", drain),
  };
  const sizes = { client: sizeOf(world, "client"), server: sizeOf(world, "server") };
  answered.consume(answered.unread);
  asked.consume(asked.unread);
  drain();
  if (asked.stream.isClosed || answered.stream.isClosed) {
    return; // it stood still for too long meanwhile, and what it had left will not come
  }
  for (const [receiver, sender] of [
    ["client", "server"],
    ["server", "client"],
  ] as const) {
    const size = sizeOf(world, receiver);
    const granted = grantedTo(world[sender], world[receiver]) + EXCESS_BYTES; // which has come since
    // A window that grows meanwhile is granted in two parts.
    if (isFull[receiver] && size === sizes[receiver] && granted !== size) {
      world.problems.push(`the ${receiver} has a window of ${size} bytes and grants ${granted} of them`);
    }
  }
  asked.stream.reset(0x8);
  drain();
}

/** Whether the window is full: one that grows meanwhile is not. */
function fill(
  world: World,
  simulated: SimulatedStream,
  sender: "client" | "server",
  receiver: "client" | "server",
  drain: () => void,
): boolean {
  const granted = grantedTo(world[sender], world[receiver]);
  const size = sizeOf(world, receiver);
  simulated.send(granted + EXCESS_BYTES);
  drain();
  const left = grantedTo(world[sender], world[receiver]);
  if (left !== 0 && sizeOf(world, receiver) === size && !simulated.stream.isClosed) {
    world.problems.push(`the ${sender} was granted ${granted} bytes and leaves ${left} of them`);
  }
  return left === 0;
}

/** What `sender` may still send of what `receiver` has granted on the connection. */
function grantedTo(sender: SimulatedPeer, receiver: SimulatedPeer): number {
  return receiver.tally.grantedBytes - sender.tally.dataBytes;
}

function sizeOf({ connectionBytes, budgets, budgetBytes }: World, name: "client" | "server"): number {
  return connectionBytes[name] + budgetBytes - budgets[name].left;
}
