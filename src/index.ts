export type { Call } from "./call/call.ts";
export { authorize, currentCall, detached } from "./call/current.ts";
export type { LogFunction, Logger } from "./call/logger.ts";
export type { MethodSelector } from "./call/method-selector.ts";
export type { Peer, PeerIdentity } from "./call/peer.ts";
export { waitForReady } from "./client/calls/call-manner.ts";
export { type Channel, createChannel } from "./client/channel.ts";
export type { ChannelOptions } from "./client/channel-options.ts";
export type { ChannelEvents } from "./client/channel-sight.ts";
export type { BackendStats, ChannelStats } from "./client/channel-stats.ts";
export { createClient } from "./client/create-client.ts";
export type { Address, Resolution, Resolver, ResolverListener } from "./client/resolving/resolver.ts";
export { targetProblem } from "./client/resolving/target.ts";
export type { RetryPolicy } from "./client/service-config/method-config.ts";
export { onlyFor } from "./interceptors/index.ts";
export type { UpgradeHandler } from "./server/http1-server.ts";
export type { PortLimits } from "./server/limits.ts";
export type { AccessRule, Caller } from "./service/access.ts";
export type { HttpApplication, HttpListener, KoaApplication } from "./service/application.ts";
export { type BaseConfig, ConfigurationError } from "./service/configuration.ts";
export {
  type Application,
  type Condition,
  type ConfigOf,
  type ConfigShape,
  defineService,
  type ResourceOpener,
  type ServiceDefinition,
  type ServiceLimits,
  type ServiceOptions,
} from "./service/definition.ts";
export { run } from "./service/run.ts";
export { type TlsFilePaths, tlsFiles } from "./tls/channel-tls-files.ts";
export type { ChannelTls, RenewableTls } from "./tls/renewable-tls.ts";
export { DomainValueError } from "./types/domain-value-error.ts";
export {
  type DomainClient,
  type DomainHandlers,
  type DomainService,
  withDomainTypes,
} from "./types/with-domain-types.ts";
export { type Implementation, implement } from "./wire/implement.ts";
