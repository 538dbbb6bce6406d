import { join } from "node:path";
import { generate } from "./generation.ts";

const result = await generate(join(import.meta.dirname, ".."), { accept: false });
if (!result.isSuccess) {
  console.error(`buf generate failed:\n${result.output}`);
  process.exit(1);
}
for (const { path, kind } of result.differences) console.error(`gen/${path} is ${kind}`);
if (result.differences.length > 0) {
  console.error("gen/ differs from what the schema gives. Run `npm run gen` and commit the result.");
  process.exit(1);
}
console.log("gen/ is what the schema gives.");
