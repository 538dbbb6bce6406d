import { createRegistry } from "@bufbuild/protobuf";
import { createServiceImplSpec } from "@connectrpc/connect";
import { fullName } from "../call/method-selector.ts";
import { withImports } from "../call/schema-files.ts";
import type { RpcMethod } from "./call-plan.ts";
import { methodCodecs } from "./codec.ts";
import { MAX_MESSAGE_BYTES } from "./envelope.ts";
import type { RpcOptions } from "./rpc-options.ts";
import { universalHandlers } from "./universal.ts";

/**
 * The methods of the implementations, by path.
 *
 * @throws Error where two implementations answer the same path
 */
export function rpcMethods(options: RpcOptions): ReadonlyMap<string, RpcMethod> {
  const { implementations, interceptors, readMaxBytes } = options;
  // An Any in JSON may hold whatever the schema declares or imports.
  const registry = createRegistry(...withImports(implementations.map(({ service }) => service.file)));
  const complete = { ...options, jsonOptions: { registry, ...options.jsonOptions } };
  const universal = universalHandlers(complete);
  const codecOptions = { readMaxBytes, writeMaxBytes: MAX_MESSAGE_BYTES, jsonOptions: complete.jsonOptions };
  const byPath = new Map<string, RpcMethod>();
  for (const { service, methods } of implementations) {
    for (const spec of Object.values(createServiceImplSpec(service, methods).methods)) {
      const { method } = spec;
      const name = fullName(method);
      const path = `/${name}`;
      const handler = universal.get(path);
      if (handler !== undefined) {
        byPath.set(path, {
          descriptor: method,
          name,
          spec,
          interceptors,
          binary: methodCodecs(method, "binary", codecOptions),
          json: methodCodecs(method, "json", codecOptions),
          universal: handler,
          plans: [],
        });
      }
    }
  }
  return byPath;
}
