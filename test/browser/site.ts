import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { build } from "vite";

/** A web site of its own origin whose one page holds page.ts. */
export interface Site extends AsyncDisposable {
  readonly origin: string;
}

export async function openSite(script: string): Promise<Site> {
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    const html = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>';
    response.end(isScript ? script : html);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a listener without a port");
  return {
    origin: `http://localhost:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** page.ts with all that it imports, as one script. */
export async function bundlePage(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: "warn",
    build: {
      write: false,
      minify: false,
      lib: { entry: join(import.meta.dirname, "page.ts"), formats: ["es"], fileName: "page" },
    },
  });
  const [result] = [built].flat();
  if (result === undefined || !("output" in result)) throw new Error("Vite built nothing");
  return result.output[0].code;
}
