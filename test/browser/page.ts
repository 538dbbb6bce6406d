// Runs in the browser: what a page of somebody else's, with a generated client, does to greet.
import { ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";

const transports = { connect: createConnectTransport, "grpc-web": createGrpcWebTransport };

export interface Greeted {
  readonly greeting: string;
  readonly greetings: readonly string[];
  /** As each answer says, to a page that may read the header field. */
  readonly requestIds: readonly (string | null)[];
  /** The code and the message of a call with an empty name. */
  readonly failure: string;
}

async function greet(protocol: keyof typeof transports, baseUrl: string, useHttpGet: boolean): Promise<Greeted> {
  const requestIds: (string | null)[] = [];
  const onHeader = (header: Headers) => void requestIds.push(header.get("x-request-id"));
  const client = createClient(GreeterService, transports[protocol]({ baseUrl, useHttpGet }));
  const headers = { "x-request-id": "page-1" };
  const { greeting } = await client.sayHello({ name: "browser" }, { headers, onHeader, timeoutMs: 10_000 });
  const greetings: string[] = [];
  for await (const each of client.sayHelloToEach({ names: ["ada", "grace"] }, { onHeader }))
    greetings.push(each.greeting);
  const failure = await client.sayHello({ name: "" }).then(
    () => "none",
    (error: unknown) => ConnectError.from(error).message,
  );
  return { greeting, greetings, requestIds, failure };
}

Object.assign(globalThis, { greet });
export type Greet = typeof greet;
