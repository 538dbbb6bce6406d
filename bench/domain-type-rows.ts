import { create, toBinary } from "@bufbuild/protobuf";
import { EntrySchema, GetEntryRequestSchema, GetEntryResponseSchema } from "../gen/name/v1/history_pb.js";
import type { Limit } from "./limits.ts";
import { envelope } from "./loads/messages.ts";
import { messages } from "./peers/entries.ts";
import type { Row } from "./row.ts";

const CONTENDERS = ["by-hand", "domain-types"] as const;
const LIMITS: readonly Limit[] = [{ of: "domain-types", atMost: 1.2, to: "by-hand" }];

const [entry = create(EntrySchema)] = messages;

/** Domain types, beside handlers that map messages themselves. */
export const DOMAIN_TYPE_ROWS: readonly Row[] = [
  {
    kind: "conversion",
    name: "domain types entry",
    about: "An entry of name.v1.HistoryService to BSON's types and back: ObjectId, Date, Long, UUID and three strings.",
    contenders: CONTENDERS,
    message: "entry",
    limits: LIMITS,
  },
  {
    kind: "conversion",
    name: "domain types page",
    about: `The same with a page of ${messages.length} entries, as one message.`,
    contenders: CONTENDERS,
    message: "page",
    limits: LIMITS,
  },
  {
    kind: "server",
    name: "domain types call",
    about: "GetEntry by gRPC at 8x16: an ObjectId in, such an entry out.",
    contenders: CONTENDERS,
    isTls: false,
    load: { by: "h2load", connections: 8, streams: 16 },
    request: {
      path: "/name.v1.HistoryService/GetEntry",
      isEchoed: false,
      isHttp1: false,
      headers: { "content-type": "application/grpc", te: "trailers" },
      body: envelope(toBinary(GetEntryRequestSchema, create(GetEntryRequestSchema, { id: entry.id }))),
      answer: envelope(toBinary(GetEntryResponseSchema, create(GetEntryResponseSchema, { entry }))),
    },
    per: { unit: "call", inRequest: 1 },
    limits: [],
  },
];
