import { run } from "portico";
import { greeter } from "./service.ts";

await run(greeter);
