import { randomBytes, randomUUID } from "node:crypto";
import type { FrameClient } from "./frame-client.ts";
import { named, PROCESS_NAME, PROCESS_NAMES, REPEAT, repeated } from "./messages.ts";

/** What the load of frames does over and over, for what h2load cannot. Every one of them checks what comes back. */
export type FrameJobName = keyof typeof FRAME_JOBS;

/** Runs once on a connection, and calls `onDone`; throws in whatever turn what comes back is wrong. */
type FrameJob = (client: FrameClient, authority: string, isEcho: boolean, onDone: () => void) => void;

/** Messages of a stream that one server sends. */
export const REPEATED_MESSAGES = 1_000;
/** Messages each way of a stream on which each waits for the one before. */
export const PING_PONG_MESSAGES = 100;

const NAME = "test";
const REQUEST = named(NAME);
const ANSWER = named(NAME.toUpperCase());
const REPEAT_REQUEST = repeated(NAME, REPEATED_MESSAGES);
const NOTHING = Buffer.alloc(0);

function fieldsOf(path: string, authority: string): readonly (readonly [string, string])[] {
  return [
    [":path", path],
    [":authority", authority],
    ["content-type", "application/grpc"],
    ["user-agent", "portico-bench"],
    ["te", "trailers"],
  ];
}

/** Fields that differ with each call, as a client has them that passes on what is left of a deadline, and is traced. */
function varyingFields(): readonly (readonly [string, string])[] {
  const random = randomBytes(24).toString("hex");
  return [
    ["grpc-timeout", `${9_000_000 + Math.floor(Math.random() * 999_999)}u`],
    ["traceparent", `00-${random.slice(0, 32)}-${random.slice(32)}-01`],
    ["x-request-id", randomUUID()],
  ];
}

function check(isRight: boolean, what: string): asserts isRight {
  if (!isRight) throw new Error(`The answer is not what it should be: ${what}.`);
}

const varied: FrameJob = (client, authority, isEcho, onDone) => {
  let answer: Buffer = NOTHING;
  client.open([...fieldsOf(PROCESS_NAME, authority), ...varyingFields()], REQUEST, true, {
    onData(payload) {
      answer = answer.length === 0 ? payload : Buffer.concat([answer, payload]);
    },
    onEnd() {
      check(answer.equals(isEcho ? REQUEST : ANSWER), `a message of ${answer.length} bytes`);
      onDone();
    },
  });
};

const repeat: FrameJob = (client, authority, _isEcho, onDone) => {
  let bytes = 0;
  client.open(fieldsOf(REPEAT, authority), REPEAT_REQUEST, true, {
    onData(payload) {
      bytes += payload.length;
    },
    onEnd() {
      check(bytes === REPEATED_MESSAGES * ANSWER.length, `messages of ${bytes} bytes together`);
      onDone();
    },
  });
};

const pingPong: FrameJob = (client, authority, _isEcho, onDone) => {
  let bytes = 0;
  let sent = 1;
  const stream = client.open(fieldsOf(PROCESS_NAMES, authority), REQUEST, false, {
    onData(payload) {
      bytes += payload.length;
      if (bytes < sent * ANSWER.length) return;
      const isLast = sent === PING_PONG_MESSAGES;
      client.send(stream, isLast ? NOTHING : REQUEST, isLast);
      sent += isLast ? 0 : 1;
    },
    onEnd() {
      check(bytes === PING_PONG_MESSAGES * ANSWER.length, `messages of ${bytes} bytes together`);
      onDone();
    },
  });
};

export const FRAME_JOBS = { varied, repeat, "ping-pong": pingPong } as const satisfies Record<string, FrameJob>;
