import type { Registry } from "@bufbuild/protobuf";
import { type Channel, createChannel } from "../../src/client/channel.ts";
import { type ClientCompatRequest, COMPRESSIONS, FORMATS, HTTP_VERSIONS, PROTOCOLS } from "./schema.ts";

/** Channels by what a case wants of them: cases that want the same share one, as callers do. */
export interface Channels extends AsyncDisposable {
  for(request: ClientCompatRequest): Channel;
}

/** Where no limit is asked for. */
const READ_MAX_BYTES = 64 * 1024 * 1024;

export function createChannels(registry: Registry): Channels {
  const channels = new Map<string, Channel>();

  function open(request: ClientCompatRequest): Channel {
    const { host, port, serverTlsCert, clientTlsCreds, messageReceiveLimit } = request;
    const isSecure = serverTlsCert.length > 0;
    const sendCompression = known(COMPRESSIONS, request.compression);
    return createChannel(`${isSecure ? "https" : "http"}://${host}:${port}`, {
      httpVersion: known(HTTP_VERSIONS, request.httpVersion),
      protocol: known(PROTOCOLS, request.protocol),
      format: known(FORMATS, request.codec),
      ...(sendCompression && { sendCompression, compressMinBytes: 0 }),
      useHttpGet: request.useGetHttpMethod,
      jsonOptions: { registry },
      readMaxBytes: messageReceiveLimit || READ_MAX_BYTES,
      timeoutMs: Number.POSITIVE_INFINITY, // the suite's servers say which time-out they saw
      ...(isSecure && {
        tls: {
          ca: Buffer.from(serverTlsCert),
          ...(clientTlsCreds && { cert: Buffer.from(clientTlsCreds.cert), key: Buffer.from(clientTlsCreds.key) }),
        },
      }),
    });
  }

  return {
    for(request) {
      const { host, port, httpVersion, protocol, codec, compression } = request;
      const options = [
        httpVersion,
        protocol,
        codec,
        compression,
        request.messageReceiveLimit,
        request.useGetHttpMethod,
      ];
      const key = [host, port, ...options, request.clientTlsCreds === undefined].join(" ");
      const channel = channels.get(key) ?? open(request);
      channels.set(key, channel);
      return channel;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...channels.values()].map((channel) => channel[Symbol.asyncDispose]()));
    },
  };
}

function known<T>(names: Readonly<Record<number, T>>, number: number): T {
  if (!Object.hasOwn(names, number)) {
    throw new Error(`the suite's ${number} is none of ${Object.values(names).join(", ")}`);
  }
  return names[number] as T; // it has it
}
