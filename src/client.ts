export { type Channel, type ChannelOptions, type ChannelStats, createChannel } from "./client/channel.ts";
export type { ChannelTls } from "./client/connections/connect-socket.ts";
export { type MethodSelector, onlyFor } from "./interceptors/index.ts";
