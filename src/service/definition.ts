import type { DescService } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import type * as z from "zod";
import type { Condition } from "../builtin/readiness.ts";
import type { Logger } from "../call/logger.ts";
import type { UpgradeHandler } from "../server/http1-server.ts";
import type { PortLimits } from "../server/limits.ts";
import type { Implementation } from "../wire/implement.ts";
import type { AccessRule } from "./access.ts";
import type { HttpApplication } from "./application.ts";
import type { BaseConfig } from "./configuration.ts";

export type { Condition } from "../builtin/readiness.ts";

/** A service's environment variables beyond those that every service has, each with its Zod schema. */
export type ConfigShape = Readonly<Record<string, z.ZodType>>;

/** The values of a service's configuration: its own variables, and those that every service has. */
export type ConfigOf<C extends ConfigShape> = Readonly<{ [K in keyof C]: z.output<C[K]> }> & BaseConfig;

/** What the parts of a service are made from. */
export interface Application<C extends ConfigShape, R> {
  readonly config: ConfigOf<C>;
  readonly log: Logger;
  readonly resources: R;
}

/** What resources are made from. */
export interface ResourceOpener<C extends ConfigShape> {
  readonly config: ConfigOf<C>;
  readonly log: Logger;
  /** Has `resource` closed when the service stops: after the port, and in the reverse order of opening. Returns it. */
  use<T extends Disposable | AsyncDisposable>(resource: T): T;
  /**
   * Makes a condition of the service's readiness: something that it depends on, such as a store. It is met. While it fails,
   * `/readyz` answers 503 and names it, and the health service says NOT_SERVING of the whole server and of `services`
   * (default none); calls are answered all the same.
   *
   * @throws Error where the name is not lower case letters, digits and hyphens, or is taken
   */
  condition(name: string, services?: readonly DescService[]): Condition;
}

/** Limits of a service. Sizes in bytes, times in milliseconds. */
export interface ServiceLimits extends PortLimits {
  /** The largest message taken, before and after decompression. Default 4 MiB. */
  readonly messageBytes: number;
  /** The smallest message that is compressed for a caller that accepts it. Default 1024 bytes. */
  readonly compressMinBytes: number;
}

/** What a service is described by. Its parts are functions, so that nothing of them runs before the service starts. */
export interface ServiceOptions<C extends ConfigShape, R> {
  /** Names the service in its log, and in the variables by which others find it: `orders` is at `ORDERS_URL`. */
  readonly name: string;
  /** Where the service listens unless `PORT` says otherwise. Default 8080. */
  readonly port?: number;
  /** Environment variables; read and checked as a whole before anything opens. */
  readonly config?: C;
  /** Opens what handlers need, before the port. May be asynchronous. */
  readonly resources?: (opener: ResourceOpener<C>) => R | Promise<R>;
  /** The RPC services that are answered, made by `implement`. */
  readonly routes?: (application: Application<C, R>) => readonly Implementation[];
  /** What answers every request that is no RPC: a Koa application, or any Node `(req, res)` listener. */
  readonly http?: (application: Application<C, R>) => HttpApplication | Promise<HttpApplication>;
  /** Takes over connections that a request over HTTP/1.1 upgrades, such as to a WebSocket. */
  readonly upgrade?: (application: Application<C, R>) => UpgradeHandler;
  /** Applied to every RPC, inside the chassis's own, the first outermost; `onlyFor` limits one to methods. */
  readonly interceptors?: (application: Application<C, R>) => readonly Interceptor[];
  /**
   * Who may call what, by their certificates. Without, whoever the port lets in may call everything; once there is a list,
   * whoever is in none of its rules is refused: `unauthenticated` without a certificate, `permission_denied` with one, before
   * anything of the body is read.
   */
  readonly access?: (application: Application<C, R>) => readonly AccessRule[];
  /** Departures from the default limits. */
  readonly limits?: Partial<ServiceLimits>;
}

/** A described service: `run` runs it, `startTest` tests it. */
export interface ServiceDefinition<C extends ConfigShape = ConfigShape, R = unknown> extends ServiceOptions<C, R> {
  readonly kind: "portico.service";
  readonly port: number;
  readonly config: C;
}

const DEFAULT_PORT = 8080;
const NAME = /^[a-z][a-z0-9-]*$/;

/**
 * Describes a service, and does nothing else: a module that only defines one has no side effect.
 *
 * @throws Error where the name is not lower case letters, digits and hyphens
 */
export function defineService<const C extends ConfigShape = Record<never, never>, R = undefined>(
  options: ServiceOptions<C, R>,
): ServiceDefinition<C, R> {
  if (!NAME.test(options.name)) {
    throw new Error(
      `defineService: "${options.name}" is no name for a service; use lower case letters, digits and hyphens`,
    );
  }
  // Without a config, C is the empty record that is put in its place.
  return { kind: "portico.service", port: DEFAULT_PORT, ...options, config: options.config ?? ({} as C) };
}
