import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { Peer } from "./peer.ts";

/** What somebody may be let call: a method, by whatever path and protocol it was found, or the web application. */
export type AccessTarget = DescMethod | "http";

/** Why a peer may not call a target: `unauthenticated` or `permission_denied`; undefined where it may. */
export type Access = (peer: Peer, target: AccessTarget) => ConnectError | undefined;
