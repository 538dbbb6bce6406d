export type { Call, Peer } from "./call/call.ts";
export { currentCall, detached } from "./call/current.ts";
export type { LogFunction, Logger } from "./call/logger.ts";
export { type Channel, type ChannelOptions, type ChannelStats, createChannel } from "./client/channel.ts";
export type { ChannelTls } from "./client/connections/connect-socket.ts";
export { type MethodSelector, onlyFor } from "./interceptors/index.ts";
export type { UpgradeHandler } from "./server/http1-server.ts";
export type { PortLimits } from "./server/limits.ts";
export type { HttpApplication, HttpListener, KoaApplication } from "./service/application.ts";
export { type BaseConfig, ConfigurationError } from "./service/configuration.ts";
export {
  type Application,
  type ConfigOf,
  type ConfigShape,
  defineService,
  type ResourceOpener,
  type ServiceDefinition,
  type ServiceLimits,
  type ServiceOptions,
} from "./service/definition.ts";
export { run } from "./service/run.ts";
export { type Implementation, implement } from "./wire/implement.ts";
