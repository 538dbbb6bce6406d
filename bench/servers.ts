import { open, truncate } from "node:fs/promises";
import { join } from "node:path";
import { type ServerProcess, startServer } from "../tools/server-process.ts";
import { buildArmeria } from "./build/armeria.ts";
import { buildGo } from "./build/go.ts";
import { hasProgram } from "./build/programs.ts";
import { type Contender, OVER_TLS } from "./contenders.ts";
import type { Certificate } from "./loads/certificate.ts";
import { type Program, startProgram } from "./program.ts";

/** A contender's server. */
export interface RunningServer extends Pick<ServerProcess, "pid" | "port" | "isRunning" | "output">, AsyncDisposable {
  /** Throws away what a round has left in files. */
  tidy(): Promise<void>;
}

export interface ServingOptions {
  /** Undefined: it serves in cleartext. */
  readonly certificate: Certificate | undefined;
  /** The certificate of who has to vouch for clients, a path. Default: they are not asked. */
  readonly clientCa?: string | undefined;
  readonly isHttp1: boolean;
  /** Where it runs. Default 0, which is the core of what is measured. */
  readonly core?: 0 | 1;
  /** Where files may be left that nobody needs after the run. */
  readonly folder: string;
}

/**
 * Builds what a contender needs.
 *
 * @returns why it cannot run here; undefined where it can
 */
export async function prepare(contender: Contender): Promise<string | undefined> {
  switch (contender) {
    case "grpc-go":
    case "connect-go":
      return (await hasProgram("go", "version")) ? whyNot(buildGo) : "there is no `go` in PATH";
    case "armeria": {
      const hasJava = (await hasProgram("java", "-version")) && (await hasProgram("mvn", "-version"));
      return hasJava ? whyNot(buildArmeria) : "there is no `java` or no `mvn` in PATH";
    }
    default:
      return undefined;
  }
}

/** A build that fails, for want of a network as a rule, leaves the others to be measured. */
async function whyNot(build: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await build();
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return `it does not build here: ${text.replace(/\s+/g, " ").slice(0, 300)}`;
  }
}

export const NAME_SERVICE = "src/services/name/main.ts";
/** What `npm run build` makes of it, as it is deployed. */
export const BUILT_NAME_SERVICE = "dist/services/name/main.js";

const LISTENING = /listening on port (?<port>\d+)/;
/** What a service of ours prints once it can be called. */
const SERVING = /action=start, status=success, address=127\.0\.0\.1:(?<port>\d+)/;
const WITHIN_MS = 30_000;
const onCore = (core: 0 | 1) => ["taskset", "-c", String(core)];

/** Starts a contender's server; {@link prepare} has been asked before. */
export async function startContender(contender: Contender, options: ServingOptions): Promise<RunningServer> {
  const { certificate, clientCa, isHttp1, folder, core = 0 } = options;
  const args = certificate === undefined ? [] : ["--certificate", certificate.certificate, "--key", certificate.key];
  const nothing = async () => undefined;
  switch (contender) {
    case "service":
      // What a call costs in a service, not what this one does besides.
      return startService({ module: NAME_SERVICE, wrapper: onCore(core), folder, env: { HISTORY_MAX_ENTRIES: "0" } });
    case "grpc-go":
    case "connect-go": {
      const command = [...onCore(core), join(await buildGo(), contender), ...args];
      return { ...(await startProgram({ command, listening: LISTENING, withinMs: WITHIN_MS })), tidy: nothing };
    }
    case "armeria": {
      const command = [...onCore(core), "java", ...(await buildArmeria())];
      return { ...(await startProgram({ command, listening: LISTENING, withinMs: WITHIN_MS })), tidy: nothing };
    }
    default:
      if (isHttp1 && contender === "connect-node") args.push("--http1");
      if (clientCa !== undefined) args.push("--client-ca", clientCa);
      return { ...(await startModule(OVER_TLS[contender] ?? contender, { args, core })), tidy: nothing };
  }
}

export interface ModuleOptions {
  readonly args?: readonly string[];
  readonly nodeOptions?: readonly string[];
  readonly core?: 0 | 1;
}

/** Starts a contender that is a module in peers/, or the server there that measures clients. */
export function startModule(
  contender: Contender | "few-streams",
  { args = [], nodeOptions = [], core = 0 }: ModuleOptions = {},
): Promise<ServerProcess> {
  return startServer({
    module: `bench/peers/${contender}.ts`,
    args,
    nodeOptions,
    wrapper: onCore(core),
    env: { NODE_ENV: "production" },
    listening: LISTENING,
    withinMs: WITHIN_MS,
  });
}

export interface ServiceOptions {
  /** Its module, a path in the repository. */
  readonly module: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What it is started by, such as `taskset`. */
  readonly wrapper?: readonly string[];
  /** Where its log goes: a pipe would measure who reads it as well. Undefined: a pipe. */
  readonly folder: string | undefined;
}

/** Starts a service of ours as it is, in production, as `npm run name` does without npm. */
export async function startService(options: ServiceOptions): Promise<RunningServer & Pick<Program, "readyMs">> {
  const { module, env, wrapper = [], folder } = options;
  const condition = module.endsWith(".ts") ? ["--conditions=portico-source"] : [];
  const command = [...wrapper, process.execPath, ...condition, module];
  const environment = { NODE_ENV: "production", HOST: "127.0.0.1", PORT: "0", ...env };
  const start = { command, env: environment, listening: SERVING, withinMs: WITHIN_MS };
  if (folder === undefined) return { ...(await startProgram(start)), tidy: async () => undefined };
  const path = join(folder, `service-${process.hrtime.bigint()}.log`);
  const file = await open(path, "a");
  try {
    const program = await startProgram({ ...start, output: { path, descriptor: file.fd } });
    return { ...program, tidy: () => truncate(path) };
  } finally {
    await file.close();
  }
}
