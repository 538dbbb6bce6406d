import { expect, test } from "vitest";
import { Admission } from "./admission.ts";
import type { Http2Request } from "./http2-request.ts";

/** An admission over a connection of which the test says how much waits for its peer. */
function setUp() {
  const connection = { pendingBytes: 0, isShut: false };
  const dispatched: Http2Request[] = [];
  const counts = { unanswered: 0 };
  const admission = new Admission(
    connection,
    1000,
    () => counts.unanswered,
    (request) => dispatched.push(request),
  );
  const newRequest = () => ({}) as Http2Request; // nothing of it is read
  return { connection, dispatched, counts, admission, newRequest };
}

const nextTurn = () => new Promise(setImmediate);

test("requests are begun at once while their peer reads", async () => {
  const { admission, dispatched, newRequest } = setUp();
  for (let count = 0; count < 10; count++) {
    admission.admit(newRequest());
  }
  expect(dispatched).toHaveLength(10);
});

test("of many that come at once some are begun in each turn, all in order", async () => {
  const { admission, dispatched, newRequest } = setUp();
  const requests = Array.from({ length: 40 }, newRequest);
  for (const request of requests) {
    admission.admit(request);
  }
  expect(dispatched).toHaveLength(16);
  await nextTurn();
  expect(dispatched).toHaveLength(32);
  await nextTurn();
  expect(dispatched).toEqual(requests);
});

test("none is begun while too much waits for the peer, and all are when it has read", () => {
  const { admission, connection, dispatched, newRequest } = setUp();
  connection.pendingBytes = 1001;
  admission.admit(newRequest());
  admission.admit(newRequest());
  expect(dispatched).toHaveLength(0);
  connection.pendingBytes = 1000;
  admission.check();
  expect(dispatched).toHaveLength(2);
});

test("a peer that grants no window has few requests begun, and none while it leaves an answer waiting", () => {
  const { admission, connection, counts, dispatched, newRequest } = setUp();
  connection.isShut = true;
  counts.unanswered = 4;
  admission.admit(newRequest());
  expect(dispatched).toHaveLength(1);
  counts.unanswered = 5;
  admission.admit(newRequest());
  expect(dispatched).toHaveLength(1);
  counts.unanswered = 0;
  connection.pendingBytes = 1;
  admission.check();
  expect(dispatched).toHaveLength(1);
  connection.isShut = false;
  admission.check();
  expect(dispatched).toHaveLength(2);
});

test("a request that is over is not begun any more, and lets the next have its place", () => {
  const { admission, connection, dispatched, newRequest } = setUp();
  connection.pendingBytes = 1001;
  const [first, second] = [newRequest(), newRequest()];
  admission.admit(first);
  admission.admit(second);
  connection.pendingBytes = 0; // the stream that is reset had an answer waiting
  admission.leave(first);
  expect(dispatched).toEqual([second]);
  expect(dispatched[0]).toBe(second);
});
