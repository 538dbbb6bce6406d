import { Server } from "node:net";
import { expect, test } from "vitest";
import { listen } from "./listen.ts";

/** A server on a machine without IPv6, as node:net tells of it. */
class WithoutIpv6 extends Server {
  // What listen() here passes; the overloads of node:net's are of no use.
  override listen(...parameters: unknown[]): this {
    const [{ host }] = parameters as [{ host: string }];
    if (host.includes(":")) {
      const error = Object.assign(new Error(`listen EAFNOSUPPORT ${host}`), { code: "EAFNOSUPPORT" });
      process.nextTick(() => this.emit("error", error));
      return this;
    }
    return super.listen(...(parameters as Parameters<Server["listen"]>));
  }
}

test("falls back to 0.0.0.0 where IPv6 is off", async () => {
  const server = new WithoutIpv6();
  expect(await listen(server, "::", 0)).toMatchObject({ address: "0.0.0.0", family: "IPv4" });
  server.close();
});

test("leaves an address that somebody asked for as it is", async () => {
  const server = new WithoutIpv6();
  await expect(listen(server, "::1", 0)).rejects.toThrow("EAFNOSUPPORT ::1");
});
