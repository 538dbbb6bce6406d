// portico/testing under Node's own test runner: it promises to need none in particular.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fake, startTest } from "portico/testing";
import { NameService } from "./gen/name/v1/name_pb.js";
import { OrdersService } from "./gen/orders/v1/orders_pb.js";
import { orders } from "./src/services/orders/service.ts";

test("places an order under the name that the fake makes", async () => {
  const names = fake(NameService, { processName: ({ name }) => ({ name: `${name}!` }) });
  await using app = await startTest(orders, { fakes: { NAME_URL: names } });
  const { orderId } = await app.client(OrdersService).placeOrder({ customer: "ada" });
  assert.equal(orderId, "ada!-1");
});
