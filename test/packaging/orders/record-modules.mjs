// Preloaded with --import: writes the URL of every module that the program loads into the file that MODULES names.
import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";

registerHooks({
  load(url, context, nextLoad) {
    appendFileSync(process.env.MODULES, `${url}\n`);
    return nextLoad(url, context);
  },
});
