import { createRegistry, type DescMethod } from "@bufbuild/protobuf";
import { createServiceImplSpec, type Interceptor, type MethodImplSpec } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { withImports } from "../call/schema-files.ts";
import { type Codec, methodCodecs } from "./codec.ts";
import type { RpcOptions } from "./rpc-options.ts";
import { universalHandlers } from "./universal.ts";

/** A method that can be called: all that does not change from call to call. */
export interface RpcMethod {
  readonly descriptor: DescMethod;
  /** As logs have it: `package.Service/Method`. */
  readonly name: string;
  readonly spec: MethodImplSpec;
  readonly interceptors: readonly Interceptor[];
  readonly binary: { readonly input: Codec; readonly output: Codec };
  readonly json: { readonly input: Codec; readonly output: Codec };
  readonly universal: UniversalHandler;
}

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
  const codecOptions = { readMaxBytes, writeMaxBytes: MAX_WRITTEN_BYTES, jsonOptions: complete.jsonOptions };
  const byPath = new Map<string, RpcMethod>();
  for (const { service, methods } of implementations) {
    for (const spec of Object.values(createServiceImplSpec(service, methods).methods)) {
      const { method } = spec;
      const name = `${method.parent.typeName}/${method.name}`;
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
        });
      }
    }
  }
  return byPath;
}

/** What an envelope can hold: Connect's own limit. */
const MAX_WRITTEN_BYTES = 0xffffffff;
