import { run } from "portico";
import { name } from "./service.ts";

await run(name);
