import { create, type DescMessage, type Message, type MessageInitShape } from "@bufbuild/protobuf";

type Init = MessageInitShape<DescMessage>;

/** Messages in full: what a handler or a caller gives may be objects with some of a message's fields. */
export function wholeMessages(type: DescMessage, inits: AsyncIterator<Init>): AsyncIterable<Message> {
  const complete = (step: Promise<IteratorResult<Init>>): Promise<IteratorResult<Message>> =>
    step.then((result) => (result.done === true ? result : { done: false, value: create(type, result.value) }));
  const { throw: raise, return: leave } = inits;
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => complete(inits.next()),
      ...(raise && { throw: (error: unknown) => complete(raise.call(inits, error)) }),
      ...(leave && { return: (value: unknown) => complete(leave.call(inits, value)) }),
    }),
  };
}
