import { expect, test } from "vitest";
import { ErrorCode, type Stream } from "../http2/index.ts";
import { Admission, type Admittee } from "./admission.ts";

interface Request extends Admittee {
  readonly hasRoom: boolean;
  isAnswered: boolean;
  readonly resets: number[];
}

/** An admission over a connection of which the test says what waits for its peer. */
function setUp() {
  const connection = {
    isOver: false,
    pendingBytes: 0,
    stuckStreams: 0,
    hasRoomFor: (stream: Stream) => room.has(stream),
  };
  const room = new Set<Stream>();
  const begun: Request[] = [];
  const made: Request[] = [];
  const admission = new Admission<Request>(
    connection,
    () => made,
    1000,
    0,
    (request) => begun.push(request),
  );
  const newRequest = (hasRoom = true): Request => {
    const resets: number[] = [];
    const stream = { reset: (code: number) => resets.push(code) } as unknown as Stream; // what is used of it
    if (hasRoom) room.add(stream);
    const request = { stream, hasRoom, isAnswered: false, resets, isBegun: false };
    made.push(request);
    return request;
  };
  return { connection, begun, admission, newRequest, room };
}

const nextTurn = () => new Promise(setImmediate);

test("requests are begun at once while their peer reads", () => {
  const { admission, begun, newRequest } = setUp();
  for (let count = 0; count < 10; count++) {
    admission.admit(newRequest());
  }
  expect(begun).toHaveLength(10);
});

test("of many that come at once some are begun in each turn, all in order", async () => {
  const { admission, begun, newRequest } = setUp();
  const requests = Array.from({ length: 40 }, () => newRequest());
  for (const request of requests) {
    admission.admit(request);
  }
  expect(begun).toHaveLength(16);
  await nextTurn();
  expect(begun).toHaveLength(32);
  await nextTurn();
  expect(begun).toEqual(requests);
});

test("none is begun while several answers wait with too much, and all are when the peer has read", () => {
  const { admission, connection, begun, newRequest } = setUp();
  connection.pendingBytes = 1001;
  connection.stuckStreams = 4;
  admission.admit(newRequest());
  admission.admit(newRequest());
  expect(begun).toHaveLength(0);
  connection.pendingBytes = 1000;
  admission.check();
  expect(begun).toHaveLength(2);
});

test("a few slow readers hold up nobody, however much waits for them", () => {
  const { admission, connection, begun, newRequest } = setUp();
  connection.pendingBytes = 1_000_000;
  connection.stuckStreams = 3;
  admission.admit(newRequest());
  expect(begun).toHaveLength(1);
});

test("a peer that grants no window has its requests begun one by one, as they are answered and taken", () => {
  const { admission, connection, begun, newRequest } = setUp();
  for (let count = 0; count < 20; count++) {
    admission.admit(newRequest(false));
  }
  expect(begun).toHaveLength(1);
  connection.stuckStreams = 1;
  for (const request of begun) request.isAnswered = true;
  admission.check();
  expect(begun).toHaveLength(1);
  connection.stuckStreams = 0;
  admission.check();
  expect(begun).toHaveLength(2);
});

test("of a peer that grants windows by streams, those with a window are begun", () => {
  const { admission, begun, newRequest, room } = setUp();
  const requests = Array.from({ length: 6 }, () => newRequest(false));
  for (const request of requests) {
    admission.admit(request);
  }
  room.add(requests[4]?.stream as Stream); // there are six
  admission.check();
  expect(begun).toEqual([requests[0], requests[4]]);
});

test("a request that is over is not begun any more, and lets the next have its place", () => {
  const { admission, connection, begun, newRequest } = setUp();
  connection.pendingBytes = 1001;
  connection.stuckStreams = 4;
  const [first, second] = [newRequest(), newRequest()];
  admission.admit(first);
  admission.admit(second);
  connection.stuckStreams = 0; // the stream that is reset had an answer waiting
  admission.leave(first);
  expect(begun).toEqual([second]);
});

test("nothing is begun for a connection that is over", () => {
  const { admission, connection, begun, newRequest } = setUp();
  connection.pendingBytes = 1001;
  connection.stuckStreams = 4;
  const [first, second] = [newRequest(), newRequest()];
  admission.admit(first);
  admission.admit(second);
  connection.isOver = true;
  connection.stuckStreams = 0;
  admission.leave(first);
  expect(begun).toEqual([]);
});

test("a request that is held for too long is refused: it was not processed, and may go elsewhere", () => {
  const { admission, connection, newRequest } = setUp();
  connection.pendingBytes = 1001;
  connection.stuckStreams = 4;
  const request = newRequest();
  admission.admit(request);
  admission.tick(5000);
  expect(request.resets).toEqual([]);
  admission.tick(5001);
  expect(request.resets).toEqual([ErrorCode.REFUSED_STREAM]);
});
