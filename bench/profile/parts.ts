/** The parts of the way of a swap, by the files that do them. The first rule that fits a path decides. */
import type { PartRule } from "./cpu-profile.ts";

const part = (name: string, ...paths: readonly string[]): PartRule[] =>
  paths.map((path) => ({ part: name, path: `server/src/${path}`, withCalls: false }));
const withCalls = (name: string, ...paths: readonly string[]): PartRule[] =>
  part(name, ...paths).map((rule) => ({ ...rule, withCalls: true }));

export const PARTS: readonly PartRule[] = [
  ...withCalls("decode", "codecs/swap-decoder.ts"),
  ...withCalls("settling and ageing", "engine/upkeep.ts"),
  ...withCalls("writing the record", "engine/swaps/record-writer.ts"),
  ...withCalls("identity of the swap", "engine/swaps/swap-identity.ts"),
  ...withCalls("look-ups: copies and inclusions", "engine/swaps/inclusions.ts", "engine/swaps/record-matcher.ts"),
  ...withCalls("look-ups: tokens", "engine/tokens.ts"),
  ...withCalls("buckets", "engine/buckets/"),
  ...withCalls("traders", "engine/traders/"),
  ...withCalls("chains and due times", "engine/chains.ts"),
  ...withCalls("reads of figures", "engine/reads/"),
  ...part("image: heap, indexes, strings", "engine/memory/"),
  ...part("checks and the rest of apply", "engine/"),
  ...withCalls("redo", "pipeline/checkpoint/redo-writer.ts", "pipeline/checkpoint/redo-chain.ts"),
  ...withCalls("checkpoint", "pipeline/checkpoint/", "stores/"),
  ...withCalls("views", "pipeline/views/"),
  ...part("history", "pipeline/history/", "history/"),
  ...part("mapping", "pipeline/mapped/", "mapping/"),
  ...part("other codecs", "codecs/"),
  ...part("rest of the pipeline", "pipeline/"),
  ...part("source", "sources/"),
  ...part("connections to servers", "clients/"),
  ...part("generator", "generator/"),
  ...part("serving", "serving/", "bus/", "access/", "cluster/"),
  ...part("rest of the server", ""),
  { part: "contract and client", path: "protocol/", withCalls: false },
  { part: "contract and client", path: "sdk/", withCalls: false },
  { part: "benchmark itself", path: "bench/", withCalls: false },
  { part: "packages", path: "node_modules/", withCalls: false },
  { part: "Node's own scripts", path: "node:", withCalls: false },
];
