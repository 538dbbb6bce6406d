export { waitForReady } from "./client/calls/wait-for-ready.ts";
export { type Channel, createChannel } from "./client/channel.ts";
export type { ChannelOptions } from "./client/channel-options.ts";
export type { ChannelEvents } from "./client/channel-sight.ts";
export type { BackendStats, ChannelStats } from "./client/channel-stats.ts";
export type { ChannelTls } from "./client/connections/connect-socket.ts";
export type { Address, Resolution, Resolver, ResolverListener } from "./client/resolving/resolver.ts";
export type { RetryPolicy } from "./client/service-config/method-config.ts";
export { type MethodSelector, onlyFor } from "./interceptors/index.ts";
