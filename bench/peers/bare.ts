import { NameService } from "../../gen/name/v1/name_pb.js";
import { implement } from "../../src/wire/implement.ts";
import { serveBare } from "./bare-port.ts";
import { names } from "./names.ts";
import { RepeatService, repeat } from "./repeat.ts";

// Our port and our RPCs, and nothing else.

await serveBare([implement(NameService, names), implement(RepeatService, repeat)]);
