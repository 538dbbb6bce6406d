import { run } from "portico";
import { behaviour } from "./service.ts";

await run(behaviour);
