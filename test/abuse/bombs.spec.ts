import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { TaskSchema } from "../behaviour/gen/behaviour/v1/behaviour_pb.js";
import { type Attacker, attacker, data, grpcRequest, headers, message, nth, request } from "./attacker.ts";
import { expectHarmless, siegeForTests } from "./siege.ts";

const siege = siegeForTests();

const MIB = 1024 * 1024;
const CALLS = 64;
const FRAME_BYTES = 16_000;
const FIRST_WINDOW_BYTES = 65_535;

/** Sends a body for each of the streams, in turn, as the windows of the server let it. */
async function upload(peer: Attacker, bodies: ReadonlyMap<number, Buffer>): Promise<void> {
  const sent = new Map<number, number>([...bodies.keys()].map((stream) => [stream, 0]));
  let total = 0;
  while (sent.size > 0) {
    for (const [stream, at] of sent) {
      const body = bodies.get(stream) ?? Buffer.alloc(0);
      const end = Math.min(body.length, at + FRAME_BYTES);
      if (peer.ended.has(stream) || peer.resets.has(stream)) {
        sent.delete(stream); // refused before its end
        continue;
      }
      const allowed = () => FIRST_WINDOW_BYTES + peer.grantedBytes(0) - total >= end - at;
      if (!allowed()) await peer.until(allowed);
      if (FIRST_WINDOW_BYTES + peer.grantedBytes(stream) >= end) {
        await peer.send(data(stream, body.subarray(at, end), end === body.length));
        total += end - at;
        if (end === body.length) sent.delete(stream);
        else sent.set(stream, end);
      }
    }
    await peer.settle();
  }
}

/** Fields of a task that is this large when it is inflated; what is in it is one long field of zeros. */
function task(bytes: number): Buffer {
  return Buffer.from(toBinary(TaskSchema, create(TaskSchema, { payload: new Uint8Array(bytes) })));
}

function gzipOfGibibyte(): Buffer {
  // Members one after the other are one text (RFC 1952, 2.2): nobody has to deflate a gibibyte for it.
  return Buffer.concat(Array.from({ length: 64 }, () => SIXTEEN_MIB));
}
const SIXTEEN_MIB = gzipSync(Buffer.alloc(16 * MIB), { level: 9 });
const BROTLI_FAST = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };

test.each([
  { what: "a gibibyte by gzip", bomb: gzipOfGibibyte(), encoding: "gzip" },
  { what: "a byte more than 4 MiB by gzip", bomb: gzipSync(task(4 * MIB - 4)), encoding: "gzip" },
  { what: "256 MiB by Brotli", bomb: brotliCompressSync(Buffer.alloc(256 * MIB), BROTLI_FAST), encoding: "br" },
])("64 concurrent calls that inflate to $what are refused, and harmless", async ({ bomb, encoding }) => {
  const refused = () => siege.service.stdout().split('"rpc_code":"resource_exhausted"').length - 1;
  let before = 0;
  const outcome = await siege.endure(async () => {
    before = refused();
    using peer = await attacker(siege.url);
    const bodies = new Map<number, Buffer>();
    for (let index = 0; index < CALLS; index++) {
      const isConnect = index % 4 === 3;
      const connect = request(
        "POST",
        "/behaviour.v1.BehaviourService/Act",
        ["content-type", "application/proto"],
        ["content-encoding", encoding],
      );
      await peer.send(
        headers(nth(index), isConnect ? connect : grpcRequest("Act", ["grpc-encoding", encoding]), false),
      );
      bodies.set(nth(index), isConnect ? bomb : message(bomb, 1));
    }
    await upload(peer, bodies);
    await peer.until(() => peer.ended.size === CALLS);
  }, 64);
  expect(refused() - before).toBe(CALLS);
  expectHarmless(outcome);
});
