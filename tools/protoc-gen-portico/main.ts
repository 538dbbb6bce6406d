#!/usr/bin/env node
// A plugin of buf and protoc: writes `…_domain` beside protobuf-es's `…_pb`.
import { runNodeJs } from "@bufbuild/protoplugin";
import { plugin } from "./plugin.ts";

runNodeJs(plugin);
