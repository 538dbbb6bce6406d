import { defineService, run } from "portico";

/**
 * What the answers carry, in bytes: more than the windows that h2spec opens, by which it judges flow control, and little
 * enough that no test waits for it.
 */
const BODY_BYTES = 4096;

const body = Buffer.alloc(BODY_BYTES, "portico ");

/** The port as services have it, with an application that answers every request in the same way once it is read. */
const underTest = defineService({
  name: "conformance",
  http: () => (request, response) => {
    request.resume().once("end", () => {
      response.setHeader("content-type", "text/plain");
      response.setHeader("content-length", BODY_BYTES);
      response.end(body);
    });
  },
});

await run(underTest);
