import { Agent, request } from "node:http";
import { json } from "node:stream/consumers";
import type { Client } from "@connectrpc/connect";
import { currentCall, defineService, run } from "portico";
import * as z from "zod";
import type { NameService } from "../../gen/name/v1/name_pb.js";
import { createGreeter } from "../../src/services/greeter/greeter.ts";
import { web } from "../../src/services/greeter/web.ts";

// greeter as the article's REST variant: it calls name as JSON over HTTP/1.1, on connections that are kept, and by node:http
// itself, which is the leanest that Node has for it.

interface Name {
  readonly name: string;
}

const agent = new Agent({ keepAlive: true });

function post(url: URL, message: Name): Promise<Name> {
  const body = Buffer.from(JSON.stringify(message));
  const headers = {
    "content-type": "application/json",
    "content-length": body.length,
    "x-request-id": currentCall().requestId,
  };
  return new Promise((resolve, reject) => {
    const call = request(url, { method: "POST", agent, headers }, (response) => {
      const { statusCode } = response;
      if (statusCode !== 200) {
        response.resume();
        reject(new Error(`name answers ${statusCode}`));
        return;
      }
      json(response).then((answer) => resolve(answer as Name), reject); // as the schema says
    });
    call.on("error", reject);
    call.end(body);
  });
}

const greeter = defineService({
  name: "greeter-rest",
  port: 8081,
  config: { NAME_URL: z.url().default("http://localhost:50051") },
  http: ({ config }) => {
    const url = new URL("/name.v1.NameService/ProcessName", config.NAME_URL);
    const names = { processName: ({ name = "" }) => post(url, { name }) };
    return web(createGreeter(names as Client<typeof NameService>), { page: false }); // which calls nothing else
  },
});

await run(greeter);
