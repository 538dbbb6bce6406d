#!/usr/bin/env node
// A plugin of buf and protoc: writes `…_domain` beside protobuf-es's `…_pb`.
try {
  const [{ runNodeJs }, { plugin }] = await Promise.all([import("@bufbuild/protoplugin"), import("./plugin.ts")]);
  runNodeJs(plugin);
} catch (error) {
  // An optional peer of the package: services and clients run without it.
  const isMissing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
  if (!isMissing || !error.message.includes("'@bufbuild/protoplugin'")) throw error;
  process.stderr.write("protoc-gen-portico needs another package: npm install --save-dev @bufbuild/protoplugin\n");
  process.exitCode = 1;
}
