// A program that only calls: `node place-order.mjs <url> <customer>` prints the answer of orders.v1.OrdersService.
import { createClient } from "@connectrpc/connect";
import { createChannel } from "portico/client";
import { OrdersService } from "./gen/orders/v1/orders_pb.js";

const [, , url, customer] = process.argv;
const channel = createChannel(url);
try {
  const { orderId } = await createClient(OrdersService, channel).placeOrder({ customer });
  process.stdout.write(orderId);
} finally {
  await channel[Symbol.asyncDispose]();
}
