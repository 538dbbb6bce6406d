import { Http2Connection, type Stream, type StreamListener, WindowBudget } from "../../src/http2/index.ts";
import { OPTIONS, REQUEST } from "./raw-peer.ts";
import { WireTally } from "./wire-tally.ts";

/** What a turn may write beyond what it has read: bodies of a turn, and the frames around them. */
const MOST_OUTPUT_BYTES = 512 * 1024;
/** What the engine itself may keep of a peer, besides what is on its streams. */
const MOST_STREAMS = 100;

/**
 * Feeds an engine with bytes of any kind, while its user goes on as users do.
 *
 * @param chunks what comes, in the pieces in which it comes
 * @param requests streams that a client has open
 * @returns what was not as promised, in words
 */
export function feed(role: "server" | "client", chunks: readonly Buffer[], requests: number): readonly string[] {
  const problems: string[] = [];
  const tally = new WireTally(role === "client");
  const closes = new Map<Stream, number>();
  let overs = 0;
  let outputAsked = false;
  const told = (stream: Stream | undefined, event: string) => {
    if (stream !== undefined && (closes.get(stream) ?? 0) > 0) {
      problems.push(`${event} behind the close of stream ${stream.id}`);
    }
    if (overs > 0) {
      problems.push(`${event} behind the end of the connection`);
    }
  };
  const listen = (stream: () => Stream | undefined): StreamListener => ({
    onHead: () => told(stream(), "onHead"),
    onInformation: () => told(stream(), "onInformation"),
    onData: (bytes) => {
      told(stream(), "onData");
      stream()?.consumed(bytes.length);
    },
    onTrailers: () => told(stream(), "onTrailers"),
    onEnd: () => {
      told(stream(), "onEnd");
      stream()?.sendData(Buffer.alloc(3000), false);
      stream()?.sendTrailers([["x-end", "1"]]);
    },
    onDrain: () => told(stream(), "onDrain"),
    onClose: () => {
      const of = stream();
      told(of, "onClose");
      if (of !== undefined) {
        closes.set(of, (closes.get(of) ?? 0) + 1);
      }
    },
  });
  const connection = new Http2Connection(
    { ...OPTIONS, role, windowBudget: new WindowBudget(1_000_000), maxStreamWindowBytes: 1_000_000 },
    {
      onOutput: () => {
        outputAsked = true;
      },
      onStream: (stream) => {
        told(stream, "onStream");
        closes.set(stream, 0);
        stream.listener = listen(() => stream);
        stream.sendHead([[":status", "200"]], false);
        return stream.listener;
      },
      onPeerSettings: () => told(undefined, "onPeerSettings"),
      onGoAway: () => told(undefined, "onGoAway"),
      onOver: () => {
        told(undefined, "onOver");
        overs++;
      },
    },
  );
  for (let count = 0; count < requests; count++) {
    let stream: Stream | undefined;
    stream = connection.open(
      REQUEST,
      count % 2 === 0,
      listen(() => stream),
    ); // its events come later
    if (stream !== undefined) {
      closes.set(stream, 0);
    }
  }
  for (const chunk of chunks) {
    const wasOver = connection.isOver;
    connection.receive(chunk);
    let writes = 0;
    for (; (outputAsked || connection.hasMoreOutput) && writes < 100; writes++) {
      outputAsked = false;
      const bytes = Buffer.concat(connection.takeOutput());
      connection.outputTaken(true);
      tally.add(bytes);
      if (wasOver && bytes.length > 0 && writes > 0) {
        problems.push("something is written behind the end");
      }
      if (bytes.length > chunk.length * 20 + MOST_OUTPUT_BYTES) {
        problems.push(`${bytes.length} bytes are written for ${chunk.length}`);
      }
    }
    if (writes === 100) {
      problems.push("there is always more to write");
    }
    if (connection.streamCount > MOST_STREAMS || connection.faults.size > 20) {
      problems.push(`${connection.streamCount} streams and ${connection.faults.size} faults are kept`);
    }
  }
  connection.lost("the fuzzing is over");
  if (!tally.isWhole || tally.problems.length > 0) {
    problems.push("what is written is no sequence of frames", ...tally.problems);
  }
  for (const [stream, count] of closes) {
    if (count !== 1) {
      problems.push(`stream ${stream.id} closes ${count} times`);
    }
  }
  if (overs !== 1 || connection.streamCount !== 0 || connection.pendingBytes !== 0) {
    problems.push(
      `over ${overs} times, ${connection.streamCount} streams and ${connection.pendingBytes} bytes are left`,
    );
  }
  return problems;
}
