// The service that docs/domain-types.md shows, on its own: `node serve-receipts.mjs`.
import { run } from "portico";
import { service } from "./src/services/receipts/service.ts";

await run(service);
