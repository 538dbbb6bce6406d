import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServiceProcess, startProcess } from "../support/service-process.ts";
import { findProgram, noteOn, type Ran, runProgram } from "./programs.ts";

const grpcurl = findProgram("grpcurl");

describe.skipIf(grpcurl === undefined)(`${noteOn("grpcurl", grpcurl)}, by reflection`, () => {
  let service: ServiceProcess;
  let host: string;
  beforeAll(async () => {
    service = startProcess("test/peers/main.ts", { REFLECTION: "on" });
    host = new URL(await service.url()).host;
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const call = (args: readonly string[], method: string, input = ""): Promise<Ran> =>
    runProgram(grpcurl ?? "", ["-plaintext", "-max-time=10", ...args, host, method], { input });
  const messages = ({ stdout }: Ran) =>
    stdout.split(/(?<=^\})\n/m).flatMap((text) => (text.trim() === "" ? [] : [JSON.parse(text) as unknown]));

  test("unary, with header and trailer", async () => {
    const ran = await call(
      ["-v", "-H", "x-of-the-caller: grpcurl", "-d", '{"name":"ada"}'],
      "name.v1.NameService/ProcessName",
    );
    expect(ran.exit, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/x-answer-header: grpcurl[\s\S]*"ADA"[\s\S]*x-answer-trailer-bin: AAEC\/w/);
  });

  test("server stream", async () => {
    const names = ["a", "b", "c"];
    const ran = await call(["-d", JSON.stringify({ names })], "greeter.v1.GreeterService/SayHelloToEach");
    expect(messages(ran)).toEqual(names.map((greeting) => ({ greeting })));
  });

  test("bidirectional stream", async () => {
    const input = ["a", "b", "c"].map((name) => JSON.stringify({ name })).join("\n");
    const ran = await call(["-d", "@"], "name.v1.NameService/ProcessNames", input);
    expect(messages(ran)).toEqual([{ name: "A" }, { name: "B" }, { name: "C" }]);
  });

  test("an error with its detail", async () => {
    const ran = await call(["-d", '{"name":"fail"}'], "name.v1.NameService/ProcessName");
    expect(ran.exit).not.toBe(0);
    expect(ran.stderr).toMatch(/Code: NotFound[\s\S]*naïve: 100%[\s\S]*is to fail/);
  });

  test("a deadline", async () => {
    const ran = await call(["-max-time=0.3", "-d", '{"name":"hang"}'], "name.v1.NameService/ProcessName");
    expect(ran.stderr).toContain("DeadlineExceeded");
  });
});
