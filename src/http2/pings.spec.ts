import { expect, test } from "vitest";
import { Output } from "./output.ts";
import { Pings } from "./pings.ts";

test("an answer is told by what its PING carried, in any order, and once", () => {
  const output = new Output();
  let number = 0;
  const pings = new Pings(output, () => (number++ % 97) / 97);
  const sent = (["keepalive", "drain", "bandwidth"] as const).map((purpose, at) => {
    pings.send(purpose, at * 10);
    return Buffer.concat(output.take()).subarray(9);
  });
  expect(pings.sentAt("drain")).toBe(10);
  const [keepalive, drain, bandwidth] = sent as [Buffer, Buffer, Buffer]; // three were sent
  expect(pings.onAck(bandwidth, 0)).toBe("bandwidth");
  expect(pings.onAck(drain, 0)).toBe("drain");
  expect(pings.sentAt("drain")).toBeUndefined();
  expect(pings.onAck(drain, 0)).toBeUndefined();
  expect(pings.onAck(Buffer.alloc(8, 1), 0)).toBeUndefined();
  expect(pings.onAck(keepalive, 0)).toBe("keepalive");
});
