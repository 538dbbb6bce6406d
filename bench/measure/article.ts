import { runAb } from "../loads/ab.ts";
import { NAME_SERVICE, type RunningServer, startService } from "../servers.ts";
import { median } from "./median.ts";

/** Requests per second, in the median of rounds. */
export interface ArticleFigures {
  readonly grpc: number;
  readonly rest: number;
}

const CONCURRENCY = 100;
const REQUESTS = 1_000;
const WARM_UP_RUNS = 10;

/**
 * Measures greeter, which calls name by gRPC as it is, or as JSON over HTTP/1.1. They and ab share the cores as they do with
 * whoever follows the article. The rounds take turns.
 */
export async function measureArticle(rounds: number, folder: string): Promise<ArticleFigures> {
  await using stack = new AsyncDisposableStack();
  const name = stack.use(await startService({ module: NAME_SERVICE, folder }));
  const start = async (module: string) => {
    const env = { NAME_URL: `http://127.0.0.1:${name.port}` };
    const greeter = stack.use(await startService({ module, env, folder }));
    const run = () => requestsPerSecond(greeter);
    for (let warmUp = 0; warmUp < WARM_UP_RUNS; warmUp++) await run();
    return run;
  };
  const runs = {
    grpc: await start("src/services/greeter/main.ts"),
    rest: await start("bench/peers/greeter-rest.ts"),
  };
  const grpc: number[] = [];
  const rest: number[] = [];
  for (let round = 0; round < rounds; round++) {
    grpc.push(await runs.grpc());
    rest.push(await runs.rest());
  }
  return { grpc: median(grpc), rest: median(rest) };
}

function requestsPerSecond({ port }: RunningServer): Promise<number> {
  const url = `http://127.0.0.1:${port}/api/v1/say-hello?name=test`;
  return runAb(url, CONCURRENCY, REQUESTS);
}
