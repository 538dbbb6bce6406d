import { readFileSync } from "node:fs";
import { createFileRegistry, type DescService, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { SCHEMA_FILE } from "../build/schema.ts";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(SCHEMA_FILE)));
const found = registry.getService("bench.v1.RepeatService");
if (found === undefined) throw new Error(`${SCHEMA_FILE} has no bench.v1.RepeatService`);

/** bench.v1.RepeatService, whose answers are streams that wait for nobody. */
export const RepeatService: DescService = found;

/** What its method takes. */
interface RepeatRequest {
  readonly name: string;
  readonly count: number;
}

async function* answer({ name, count }: RepeatRequest) {
  for (let i = 0; i < count; i++) {
    yield { name };
  }
}

/** Its implementation for Connect. A service that is read from a file has no types: they are as the schema says. */
export const repeat = { repeat: answer } as unknown as ServiceImpl<DescService>;
