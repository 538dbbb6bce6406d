// A program that calls in domain types: `node get-receipt.mjs <url> <id>` prints what receipts.v1.ReceiptsService answers.
import { ObjectId } from "bson";
import { createChannel, createClient, withDomainTypes } from "portico/client";
import { ReceiptsService } from "./gen/receipts/v1/receipts_domain.js";

const [, , url, id] = process.argv;
const channel = createChannel(url);
try {
  const { receipt } = await createClient(withDomainTypes(ReceiptsService), channel).getReceipt({
    id: new ObjectId(id),
  });
  for (const [field, value] of Object.entries(receipt)) {
    const text = value instanceof Date ? value.toISOString() : value.toString();
    process.stdout.write(`${field}: ${value.constructor.name} ${text}\n`);
  }
} finally {
  await channel[Symbol.asyncDispose]();
}
