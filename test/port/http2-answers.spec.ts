import { startTest } from "portico/testing";
import { expect, test } from "vitest";
import { accessLine, accessLines } from "../support/access.ts";
import { echoService } from "../support/echo.ts";
import { FLAG, FRAME, frame, headerBlock, PREFACE } from "../support/frames.ts";
import { http2Client } from "../support/http2-client.ts";
import { rawSocket } from "../support/raw-socket.ts";

test("the answer to a HEAD is whole, for a probe and for the web application", async () => {
  await using app = await startTest(echoService());
  using client = await http2Client(app.url);
  for (const path of ["/healthz", "/there"]) {
    const { status, headers, body } = await client.request({ ":method": "HEAD", ":path": path });
    expect({ status, body }).toEqual({ status: 200, body: "" });
    const line = await accessLine(app, { request_id: headers["x-request-id"] });
    expect(line).toMatchObject({ response_status: 200, response_size: 0 });
    expect(line).not.toHaveProperty("aborted");
  }
});

test("a HEAD whose request never ends holds nothing up", async () => {
  await using app = await startTest(echoService());
  using client = await http2Client(app.url);
  const stream = client.session.request({ ":method": "HEAD", ":path": "/healthz" }, { endStream: false });
  stream.on("error", () => undefined);
  await new Promise((resolve) => stream.once("response", resolve));
  await accessLine(app, { first_request_line: "HEAD /healthz HTTP/2.0", response_status: 200 });
  await app.stop();
});

test("the size of an answer is its body's", async () => {
  await using app = await startTest(echoService());
  using client = await http2Client(app.url);
  for (const path of ["/there", "/healthz"]) {
    const { headers, body } = await client.request({ ":path": path });
    const line = await accessLine(app, { request_id: headers["x-request-id"] });
    expect(line["response_size"]).toBe(Buffer.byteLength(body));
  }
});

test("a request that is reset at once is known by its peer, and did not go well", async () => {
  await using app = await startTest(echoService());
  using peer = await rawSocket(app.url);
  const block = headerBlock([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", "/name.v1.NameService/ProcessName"],
    [":authority", "a"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ]);
  await peer.send(
    Buffer.concat([
      PREFACE,
      frame(FRAME.settings, 0, 0),
      frame(FRAME.headers, FLAG.endHeaders, 1, block),
      frame(FRAME.rstStream, 0, 1, Buffer.of(0, 0, 0, 8)),
      frame(
        FRAME.headers,
        FLAG.endHeaders | FLAG.endStream,
        3,
        headerBlock([
          [":method", "GET"],
          [":scheme", "http"],
          [":path", "/after"],
          [":authority", "a"],
        ]),
      ),
    ]),
  );
  await accessLine(app, { first_request_line: "GET /after HTTP/2.0" });
  for (const line of accessLines(app).filter(({ first_request_line }) =>
    String(first_request_line).startsWith("POST"),
  )) {
    expect(line).toMatchObject({ remote_address: "127.0.0.1", rpc_code: "canceled", aborted: true });
  }
});
