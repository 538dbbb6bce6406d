import { randomBytes } from "node:crypto";
import type { FrameClient } from "./frame-client.ts";
import type { Field } from "./hpack.ts";
import { named, PROCESS_NAME, PROCESS_NAMES, REPEAT, repeated } from "./messages.ts";

/** What the load of frames does over and over, for what h2load cannot. Every one of them checks what comes back. */
export type FrameJobName = keyof typeof FRAME_JOBS;

/** What a server is: where, and whether it sends back what it gets. */
export interface FrameTarget {
  readonly authority: string;
  readonly isEcho: boolean;
}

/** Runs once on a connection, and calls `onDone`; throws in whatever turn what comes back is wrong. */
type Run = (client: FrameClient, onDone: () => void) => void;
type FrameJob = (target: FrameTarget) => Run;

/** Messages of a stream that one server sends. */
export const REPEATED_MESSAGES = 1_000;
/** Messages each way of a stream on which each waits for the one before. */
export const PING_PONG_MESSAGES = 100;

const NAME = "test";
const REQUEST = named(NAME);
const ANSWER = named(NAME.toUpperCase());
const REPEAT_REQUEST = repeated(NAME, REPEATED_MESSAGES);
const NOTHING = Buffer.alloc(0);

function fieldsOf(path: string, { authority }: FrameTarget): readonly Field[] {
  return [
    [":path", path],
    [":authority", authority],
    ["content-type", "application/grpc"],
    ["user-agent", "portico-bench"],
    ["te", "trailers"],
  ];
}

/** Eight hexadecimal digits each: to put random ids together from is cheaper than to make each of them. */
const DIGITS = Array.from({ length: 4_096 }, () => randomBytes(4).toString("hex"));

function digits(): string {
  return DIGITS[Math.floor(Math.random() * DIGITS.length)] ?? "";
}

/** Fields that differ with each call, as a client has them that passes on what is left of a deadline, and is traced. */
function varyingFields(): readonly Field[] {
  return [
    ["grpc-timeout", `${9_000_000 + Math.floor(Math.random() * 999_999)}u`],
    ["traceparent", `00-${digits()}${digits()}${digits()}${digits()}-${digits()}${digits()}-01`],
    ["x-request-id", `${digits()}-0000-4000-8000-${digits()}0000`],
  ];
}

function check(isRight: boolean, what: string): asserts isRight {
  if (!isRight) throw new Error(`The answer is not what it should be: ${what}.`);
}

const varied: FrameJob = (target) => {
  const fields = fieldsOf(PROCESS_NAME, target);
  const expected = target.isEcho ? REQUEST : ANSWER;
  return (client, onDone) => {
    let answer: Buffer = NOTHING;
    client.open([...fields, ...varyingFields()], REQUEST, true, {
      onData(payload) {
        answer = answer.length === 0 ? payload : Buffer.concat([answer, payload]);
      },
      onEnd() {
        check(answer.equals(expected), `a message of ${answer.length} bytes`);
        onDone();
      },
    });
  };
};

const repeat: FrameJob = (target) => {
  const fields = fieldsOf(REPEAT, target);
  return (client, onDone) => {
    let bytes = 0;
    client.open(fields, REPEAT_REQUEST, true, {
      onData(payload) {
        bytes += payload.length;
      },
      onEnd() {
        check(bytes === REPEATED_MESSAGES * ANSWER.length, `messages of ${bytes} bytes together`);
        onDone();
      },
    });
  };
};

const pingPong: FrameJob = (target) => {
  const fields = fieldsOf(PROCESS_NAMES, target);
  return (client, onDone) => {
    let bytes = 0;
    let sent = 1;
    const stream = client.open(fields, REQUEST, false, {
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
};

export const FRAME_JOBS = { varied, repeat, "ping-pong": pingPong } as const satisfies Record<string, FrameJob>;
