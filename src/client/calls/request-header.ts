import type { DescMethod } from "@bufbuild/protobuf";
import * as connect from "@connectrpc/connect/protocol-connect";
import * as grpc from "@connectrpc/connect/protocol-grpc";
import * as grpcWeb from "@connectrpc/connect/protocol-grpc-web";
import { COMPRESSIONS } from "../../wire/compression.ts";
import type { CallTransportOptions } from "./transport-options.ts";

/** A request's header, without a time-out of the channel's making, as Connect's own transports have it. */
export function requestHeader(
  { protocol, format, sendCompression }: CallTransportOptions,
  kind: DescMethod["methodKind"],
  header: HeadersInit | undefined,
): Headers {
  const isBinary = format === "binary";
  const encodings = [COMPRESSIONS, sendCompression ?? null] as const;
  switch (protocol) {
    case "grpc":
      return grpc.requestHeaderWithCompression(isBinary, undefined, header, ...encodings);
    case "grpc-web":
      return grpcWeb.requestHeaderWithCompression(isBinary, undefined, header, ...encodings, true);
    case "connect":
      return connect.requestHeaderWithCompression(kind, isBinary, undefined, header, ...encodings, true);
  }
}
