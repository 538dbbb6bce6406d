import { setImmediate as turn } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { currentCall, detached } from "portico";
import { errorFrom } from "./failure.ts";
import {
  type BehaviourService,
  type Detached,
  type Hang,
  type Onward,
  Onward_By,
  type Report,
  ReportSchema,
  type Task,
  TaskSchema,
} from "./gen/behaviour/v1/behaviour_pb.js";
import { aborted, createLatches, type Latches } from "./latches.ts";

type Next = Client<typeof BehaviourService>;

/** Header fields that every successful answer carries. */
export const ANSWER = { header: "x-answer-header", trailer: "x-answer-trailer", value: "set by the handler" } as const;

/** The methods of a service that calls `next`. */
export function behaviourMethods(next: Next): ServiceImpl<typeof BehaviourService> {
  const latches = createLatches();

  /** Does a task once, and reports the call that every stretch of it ran in. */
  async function once(task: Task, context: HandlerContext): Promise<Report> {
    const requestIds = [currentCall().requestId];
    await turn();
    requestIds.push(currentCall().requestId);
    const onward = await doDeed(task, context, { next, latches });
    requestIds.push(currentCall().requestId);
    return report(task, context, { requestIds, ...(onward === undefined ? {} : { onward }) });
  }

  async function unary(task: Task, context: HandlerContext): Promise<Report> {
    setAnswerFields(context);
    return once(task, context);
  }

  return {
    read: unary,
    act: unary,
    ping: () => ({}),
    async *watch(task, context) {
      setAnswerFields(context);
      try {
        let requestIds = [currentCall().requestId];
        for (let at = 0; at < task.count; at++) {
          await turn();
          requestIds.push(currentCall().requestId);
          yield report(task, context, { requestIds, index: at });
          requestIds = [currentCall().requestId];
        }
        if (task.deed.case !== undefined) {
          yield await once(task, context);
        }
      } finally {
        currentCall().log.info("watch: cleaned up");
      }
    },
    async collect(tasks, context) {
      setAnswerFields(context);
      const requestIds = [currentCall().requestId];
      const texts: string[] = [];
      let last = create(ReportSchema);
      for await (const task of tasks) {
        requestIds.push(currentCall().requestId);
        last = await once(task, context);
        texts.push(task.text);
      }
      requestIds.push(currentCall().requestId);
      const sum = create(TaskSchema, { text: texts.join(","), payload: last.payload });
      return report(sum, context, {
        requestIds: [...requestIds, ...last.requestIds],
        filling: last.filling,
        ...(last.onward === undefined ? {} : { onward: last.onward }),
      });
    },
    async *converse(tasks, context) {
      setAnswerFields(context);
      for await (const task of tasks) {
        const before = currentCall().requestId;
        const { requestIds, ...rest } = await once(task, context);
        yield { ...rest, requestIds: [before, ...requestIds] };
        currentCall().log.info(`converse: after the answer to ${task.text.slice(0, 20)}`);
      }
    },
  };
}

function setAnswerFields({ responseHeader, responseTrailer }: HandlerContext): void {
  responseHeader.set(ANSWER.header, ANSWER.value);
  responseTrailer.set(ANSWER.trailer, ANSWER.value);
}

function report(task: Task, context: HandlerContext, seen: MessageInitShape<typeof ReportSchema>): Report {
  const textBytes = Buffer.byteLength(task.text);
  const timeoutMs = context.timeoutMs();
  const timeLeftMs = currentCall().timeLeftMs();
  return create(ReportSchema, {
    text: textBytes > 1000 ? "" : task.text,
    textBytes,
    payload: task.payload,
    filling: "x".repeat(task.fillingBytes),
    header: Object.fromEntries(context.requestHeader),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(timeLeftMs === undefined ? {} : { timeLeftMs }),
    ...seen,
  });
}

interface Means {
  readonly next: Next;
  readonly latches: Latches;
}

/** Does what a task asks for besides a report; gives the next service's report if that was called. */
async function doDeed({ deed }: Task, context: HandlerContext, means: Means): Promise<Report | undefined> {
  switch (deed.case) {
    case "failure":
      throw errorFrom(deed.value);
    case "hang":
      return hang(deed.value, context);
    case "onward":
      return callOnward(deed.value, means.next);
    case "latch":
      currentCall().log.info(`latch ${deed.value}: waiting`);
      await means.latches.wait(deed.value, context.signal);
      return undefined;
    case "release":
      means.latches.release(deed.value);
      return undefined;
    case "detached":
      leaveBehind(deed.value, means.next);
      return undefined;
    case undefined:
      return undefined;
  }
}

/** Hangs; the log tells when it begins, and when the handler's signal and the call's signal abort. */
async function hang({ ignoresSignal }: Hang, context: HandlerContext): Promise<never> {
  const { log, signal } = currentCall();
  log.info("hang: begins");
  const tell = (name: string) => (reason: unknown) => {
    const code = reason instanceof ConnectError ? Code[reason.code] : String(reason);
    log.info(`hang: ${name} aborted with ${code}`);
  };
  await Promise.all([
    aborted(context.signal).catch(tell("context.signal")),
    aborted(signal).catch(tell("currentCall().signal")),
  ]);
  return ignoresSignal ? new Promise<never>(() => undefined) : Promise.reject(context.signal.reason);
}

async function callOnward({ task, timeoutMs, by, wrapsError }: Onward, next: Next): Promise<Report | undefined> {
  const options = timeoutMs === 0 ? {} : { timeoutMs };
  try {
    if (by !== Onward_By.WATCH) {
      return await next.act(task ?? {}, options);
    }
    let last: Report | undefined;
    for await (const reported of next.watch(task ?? {}, options)) {
      last = reported;
    }
    return last;
  } catch (thrown) {
    if (!wrapsError) {
      throw thrown;
    }
    const { rawMessage, metadata } = ConnectError.from(thrown);
    throw new ConnectError(`of our own: ${rawMessage}`, Code.FailedPrecondition, metadata, undefined, thrown);
  }
}

function leaveBehind({ onward, failure }: Detached, next: Next): void {
  detached("the errand", async () => {
    await next.act(onward ?? {});
    if (failure !== "") {
      throw new Error(failure);
    }
    currentCall().log.info("errand: done");
  });
}
