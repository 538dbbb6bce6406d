import { join } from "node:path";
import { expect, test } from "vitest";
import { describePlacements } from "./banner.ts";
import { placeServices } from "./placement.ts";

const name = { name: "name", folder: "name", port: 50_051, calls: [], rank: 0 };
const greeter = { name: "greeter", folder: "greeter", port: 8_081, calls: ["name"], rank: 1 };
const orders = { name: "orders", folder: "orders", port: 9_000, calls: [], rank: 0 };

function commands(env: Readonly<Record<string, string>>, certificates?: string): readonly string[] {
  const { placements } = placeServices([name, greeter, orders], env, certificates);
  const lines = describePlacements(placements).split("\n");
  return lines.slice(lines.indexOf("Try, in another terminal:") + 1, -3).map((line) => line.trim());
}

test("suggests commands for cleartext, by reflection where services have it", () => {
  expect(commands({ NODE_ENV: "development" })).toEqual([
    "npx buf curl --protocol grpc --http2-prior-knowledge --list-methods http://localhost:9000",
    "curl 'http://localhost:8081/api/v1/say-hello?name=test'",
    `curl -H 'content-type: application/json' -d '{"name": "test"}' http://localhost:8081/greeter.v1.GreeterService/SayHello`,
    `npx buf curl --protocol grpc --http2-prior-knowledge -d '{"name": "test"}' http://localhost:50051/name.v1.NameService/ProcessName`,
    `grpcurl -plaintext -d '{"name": "test"}' localhost:50051 name.v1.NameService/ProcessName`,
  ]);
  expect(commands({})).toContain(
    `npx buf curl --protocol grpc --http2-prior-knowledge --schema . -d '{"name": "test"}' http://localhost:50051/name.v1.NameService/ProcessName`,
  );
});

test("suggests commands that trust the authority, and show a certificate where the service insists on one", () => {
  const folder = join(process.cwd(), "certs");
  const shows = "cert certs/client.crt";
  expect(commands({ NODE_ENV: "development" }, folder)).toEqual([
    "npx buf curl --protocol grpc --cacert certs/ca.crt --list-methods https://localhost:9000",
    "curl --cacert certs/ca.crt 'https://localhost:8081/api/v1/say-hello?name=test'",
    `curl --cacert certs/ca.crt -H 'content-type: application/json' -d '{"name": "test"}' https://localhost:8081/greeter.v1.GreeterService/SayHello`,
    `npx buf curl --protocol grpc --cacert certs/ca.crt --${shows} --key certs/client.key -d '{"name": "test"}' https://localhost:50051/name.v1.NameService/ProcessName`,
    `grpcurl -cacert certs/ca.crt -${shows} -key certs/client.key -d '{"name": "test"}' localhost:50051 name.v1.NameService/ProcessName`,
  ]);
});
