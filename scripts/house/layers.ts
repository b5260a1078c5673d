/**
 * The layer rule: imports go down only. The table is the rule; ARCHITECTURE.md explains it.
 */
import { posix } from "node:path";
import { type Import, importsOf } from "./imports.ts";
import type { Files, Problem } from "./problem.ts";
import { entranceViolation, roomViolation } from "./rooms.ts";
import { isCode, sourceOf } from "./source.ts";

type Layer = {
  /** Layers whose files it may import. A layer may always import its own files. */
  readonly uses: readonly string[];
  /** Layers of which it may import types only. */
  readonly usesTypesOf: readonly string[];
  /** `pure` layers are functions of their arguments, and import neither node:* nor packages, but for packages that PACKAGE_HOMES gives them. */
  readonly pure: boolean;
  /** Whether it imports neither node:* nor packages, though it has effects. */
  readonly alone?: boolean;
};

const BELOW_ALL = ["config", "observability", "shared"];

/** A layer without packages or Node says so; every other one may import them. */
function layer(uses: readonly string[], usesTypesOf: readonly string[] = []): Layer {
  return { uses, usesTypesOf, pure: false };
}

const LAYERS: Readonly<Record<string, Layer>> = {
  dashboard: layer(["sdk"]),
  sdk: { ...layer([]), alone: true },
  main: layer(["cli", "shared"]),
  cli: layer([
    ...["app", "access", "history", "pipeline", "sources", "stores", "clients", "ports", "generator"],
    ...["mapping", "codecs", "engine", "mcp", "sdk", "protocol", ...BELOW_ALL],
  ]),
  app: layer([
    ...["serving", "access", "history", "pipeline", "cluster", "bus", "sources", "stores", "ports", "engine"],
    ...BELOW_ALL,
  ]),
  history: layer(["stores", "ports", "codecs", "engine", ...BELOW_ALL]),
  serving: layer(["access", "mcp", "ports", "engine", "protocol", ...BELOW_ALL]),
  access: layer(["clients", ...BELOW_ALL]),
  mcp: layer(["protocol", "shared"]),
  pipeline: layer(["bus", "sources", "stores", "ports", "mapping", "codecs", "engine", "protocol", ...BELOW_ALL]),
  cluster: layer(["bus", "clients", "ports", "protocol", ...BELOW_ALL]),
  bus: layer(["ports", "protocol", ...BELOW_ALL], ["engine"]),
  sources: layer(["clients", "ports", "generator", "mapping", "codecs", "engine", ...BELOW_ALL]),
  // Rows of the history come as bytes.
  stores: layer(["clients", "ports", "codecs", ...BELOW_ALL]),
  clients: layer(BELOW_ALL),
  ports: layer([], ["codecs", "engine", "observability", "protocol", "shared"]),
  generator: layer(["shared"]),
  mapping: layer(["clients", "codecs", "engine", "shared"]),
  codecs: layer(["engine", "shared"]),
  engine: { uses: ["shared"], usesTypesOf: [], pure: true },
  config: layer(["shared"]),
  observability: layer(["shared"]),
  shared: layer([]),
  protocol: { uses: [], usesTypesOf: [], pure: true },
};

/**
 * Packages that belong to some layers (or single files) only; elsewhere they would mean that a layer does another's work.
 * Inspection and backup look at the embedded log and the checkpoints of a data folder together, as no part of the service does.
 */
const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  fastify: ["serving"],
  "node:sqlite": [
    "sources",
    "stores",
    "server/src/cli/data-folder/backup.ts",
    "server/src/cli/data-folder/verify-log.ts",
  ],
  "node:worker_threads": [
    "app",
    "history",
    "pipeline",
    "bus",
    "cluster",
    "sources",
    "stores",
    "ports",
    "cli",
    "shared",
  ],
  pino: ["observability"],
  "prom-client": ["observability"],
  commander: ["cli", "main"],
  preact: ["dashboard"],
  "preact/hooks": ["dashboard"],
  "lightweight-charts": ["dashboard"],
  typebox: ["protocol", "serving", "mcp"],
  "@modelcontextprotocol/server": ["mcp", "serving", "cli"],
  "@bufbuild/protobuf": ["protocol", "serving"],
  "@bufbuild/protobuf/wire": ["serving"],
  "@bufbuild/protobuf/wkt": ["protocol", "serving"],
};

/** Returns the layer of a source file, or undefined for files outside the rule (tests, scripts, benchmarks). */
export function layerOf(file: string): string | undefined {
  const beside = /^(protocol|sdk|dashboard)\/src\//.exec(file)?.[1];
  if (beside !== undefined) return beside;
  if (!file.startsWith("server/src/")) return undefined;
  const [first, ...rest] = file.slice("server/src/".length).split("/");
  return rest.length === 0 ? first!.replace(/\.ts$/, "") : first;
}

/** Returns the file that a specifier names, or undefined for node:* and packages. */
export function resolveImport(file: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return posix.normalize(posix.join(posix.dirname(file), specifier));
  if (specifier === "@swapstats/client") return "sdk/src/index.ts";
  if (specifier === "@swapstats/protocol") return "protocol/src/index.ts";
  if (specifier.startsWith("@swapstats/protocol/"))
    return `protocol/src/${specifier.slice("@swapstats/protocol/".length)}`;
  return undefined;
}

export function isSource(file: string): boolean {
  return isCode(file) && layerOf(file) !== undefined;
}

export function checkLayers(files: Files): Problem[] {
  const problems: Problem[] = [];
  for (const file of files.keys()) {
    if (!isSource(file)) continue;
    for (const entry of importsOf(sourceOf(files, file))) {
      const message = violation(file, entry, files);
      if (message !== undefined) problems.push({ file, line: entry.line, message });
    }
  }
  return problems;
}

function violation(file: string, entry: Import, files: Files): string | undefined {
  const name = layerOf(file)!;
  const layer = LAYERS[name];
  if (layer === undefined) return `"${name}" is no layer; the table is in scripts/house/layers.ts`;
  const target = resolveImport(file, entry.specifier);
  if (target === undefined) return packageViolation(file, layer, entry.specifier);
  if (!files.has(target)) return `imports ${entry.specifier}, which is no file (relative imports end in .ts)`;
  const targetLayer = layerOf(target);
  if (targetLayer === undefined) return `imports ${entry.specifier}, which is no source of a layer`;
  if (targetLayer === name) return roomViolation(name, file, target, entry.typeOnly);
  if (layer.uses.includes(targetLayer)) return entranceViolation(targetLayer, file, target);
  if (layer.usesTypesOf.includes(targetLayer)) {
    return entry.typeOnly ? undefined : `${name} may import types alone from ${targetLayer} (import type)`;
  }
  return `${name} may not import from ${targetLayer}; it may from ${layer.uses.join(", ") || "none"}`;
}

function packageViolation(file: string, layer: Layer, specifier: string): string | undefined {
  const name = layerOf(file)!;
  const homes = PACKAGE_HOMES[specifier];
  if ((layer.pure || layer.alone) && homes?.includes(name) !== true) {
    return `${name} imports neither Node nor packages, but here is ${specifier}`;
  }
  if (homes === undefined || homes.includes(name) || homes.includes(file)) return undefined;
  return `${specifier} belongs to ${homes.join(", ")}, not to ${name}`;
}

/** Returns the files that must be functions of their arguments: the engine, the protocol and everything they import. */
export function pureFiles(files: Files): Set<string> {
  const pure = new Set<string>();
  const queue = [...files.keys()].filter((file) => isSource(file) && LAYERS[layerOf(file)!]?.pure === true);
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (pure.has(file)) continue;
    pure.add(file);
    for (const entry of importsOf(sourceOf(files, file))) {
      const target = entry.typeOnly ? undefined : resolveImport(file, entry.specifier);
      if (target !== undefined && files.has(target)) queue.push(target);
    }
  }
  return pure;
}
