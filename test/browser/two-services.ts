import { join } from "node:path";
import { answers, bareEnvironment, freePort, type Running, start } from "../packaging/process.ts";

const repository = join(import.meta.dirname, "../..");

/** `name` and greeter, each as a process of its own. */
export interface TwoServices extends AsyncDisposable {
  /** greeter's, such as `http://localhost:41873`. */
  readonly url: string;
  readonly greeter: Running;
}

/** Starts both from the sources, greeter with `settings` as its environment. */
export async function startTwoServices(settings: Readonly<Record<string, string>>): Promise<TwoServices> {
  await using opened = new AsyncDisposableStack();
  const serve = async (service: string, env: Readonly<Record<string, string>>) => {
    const port = await freePort();
    const command = [process.execPath, "--conditions=portico-source", `src/services/${service}/main.ts`] as const;
    const running = opened.use(
      start(command, { cwd: repository, env: { ...bareEnvironment(), ...env, PORT: String(port) } }),
    );
    const url = `http://localhost:${port}`;
    await running.until(() => answers(`${url}/readyz`));
    return { running, url };
  };
  const name = await serve("name", {});
  const { running: greeter, url } = await serve("greeter", { ...settings, NAME_URL: name.url });
  const kept = opened.move();
  return { url, greeter, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
