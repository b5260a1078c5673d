/**
 * The second level of the layer rule: which rooms (folders) of a layer may import from which others. A file that is named here is a room of
 * its own. "." stands for the other files at the layer's root. A layer without a table has no such rule.
 */
type Room = {
  /** Rooms of the same layer whose files it may import. A room may always import its own files. */
  readonly uses: readonly string[];
  /** Rooms of which it may import types only. */
  readonly usesTypesOf?: readonly string[];
};

/** Every folder of the layer that the table does not name: rooms of one kind, of which there may be more. */
const OTHERS = "*";
const NONE: Room = { uses: [] };
/** Doors never know each other. */
const DOOR: Room = { uses: [".", "live", "history", "protobuf"] };

/** Views of the dashboard never know each other. */
const VIEW: Room = { uses: ["ui", "format", "past"] };

const ROOMS: Readonly<Record<string, Readonly<Record<string, Room>>>> = {
  dashboard: {
    main: { uses: ["app", "theme"] },
    theme: NONE,
    app: { uses: ["ui", "format", "screener", "token", "inspector", "operations"] },
    screener: VIEW,
    token: VIEW,
    inspector: VIEW,
    operations: VIEW,
    past: { uses: ["ui", "format"] },
    ui: { uses: ["format"] },
    format: NONE,
    ".": NONE,
  },
  serving: {
    doors: { uses: [".", "http", "sse", "grpc", "websocket", "udf", "mcp"], usesTypesOf: ["core"] },
    core: { uses: [".", "live", "history"] },
    http: DOOR,
    sse: DOOR,
    grpc: DOOR,
    websocket: DOOR,
    udf: DOOR,
    mcp: DOOR,
    live: { uses: ["."] },
    history: { uses: ["."] },
    protobuf: { uses: ["live"] },
    ".": NONE,
  },
  access: {
    ".": { uses: [], usesTypesOf: ["identity"] },
    identity: { uses: ["."] },
    limits: { uses: ["."], usesTypesOf: ["identity"] },
  },
  cli: {
    ".": { uses: ["data-folder", "feed", "history", "live", "mapping", "replay"] },
    live: { uses: ["."] },
    feed: { uses: ["."] },
    mapping: { uses: [".", "replay"] },
    replay: { uses: ["."] },
    history: { uses: [".", "replay"] },
    "data-folder": NONE,
  },
  pipeline: {
    ".": {
      uses: ["thread-share", "arrivals", "event-applier", "mapped", "checkpoint", "history", "views"],
      usesTypesOf: ["workers"],
    },
    arrivals: NONE,
    "event-applier": NONE,
    mapped: { uses: ["arrivals"], usesTypesOf: [".", "event-applier"] },
    checkpoint: NONE,
    history: { uses: ["event-applier"], usesTypesOf: ["checkpoint"] },
    "thread-share": NONE,
    views: { uses: ["thread-share"] },
    hot: { uses: ["thread-share", "views"] },
    workers: { uses: [".", "thread-share", "mapped", "checkpoint", "history", "views", "hot"] },
    replay: { uses: [".", "thread-share", "history", "views", "workers"] },
  },
  mapping: {
    ".": { uses: ["formats", "values", "writing"] },
    reading: { uses: [".", "values"] },
    formats: { uses: [".", "values"] },
    writing: { uses: [".", "values"] },
    values: { uses: ["."] },
  },
  clients: { [OTHERS]: NONE },
  sources: { "open-source": { uses: [".", "feeders", OTHERS] }, ".": NONE, feeders: NONE, [OTHERS]: { uses: ["."] } },
  stores: {
    "open-checkpoint-store": {
      uses: [".", "kafka", "embedded-checkpoint-store", "redis-checkpoint-store", "s3-checkpoint-store"],
    },
    "open-hot-store": { uses: [".", "redis-hot-store"] },
    ".": NONE,
    "embedded-checkpoint-store": { uses: ["."] },
    "redis-checkpoint-store": NONE,
    "redis-hot-store": NONE,
    "s3-checkpoint-store": NONE,
    kafka: NONE,
    history: { uses: ["."] },
  },
  engine: {
    "partition-engine": {
      uses: [".", "applier", "engine-state", "upkeep", "snapshot", "memory", "swaps", "buckets", "traders", "reads"],
    },
    applier: { uses: [".", "upkeep", "memory", "swaps"], usesTypesOf: ["engine-state", "traders"] },
    "engine-state": { uses: [".", "snapshot", "memory", "swaps", "buckets", "traders"] },
    upkeep: { uses: [".", "memory", "swaps", "buckets", "traders"] },
    snapshot: { uses: [".", "memory"] },
    reads: { uses: [".", "memory", "swaps", "buckets", "traders"] },
    traders: { uses: [".", "memory", "swaps", "buckets"] },
    buckets: { uses: [".", "memory", "swaps"] },
    swaps: { uses: [".", "memory"] },
    ".": { uses: ["memory"], usesTypesOf: ["swaps", "buckets"] },
    memory: NONE,
  },
};

/** Returns the room of a file. The files of the layer are below `server/src/<layer>/`, those of other packages below `<layer>/src/`. */
function roomOf(layer: string, file: string): string {
  const root = file.startsWith("server/") ? `server/src/${layer}/` : `${layer}/src/`;
  const [first, ...rest] = file.slice(root.length).split("/");
  const name = first!.replace(/\.tsx?$/, "");
  if (rest.length > 0) return name;
  return ROOMS[layer]?.[name] === undefined ? "." : name;
}

/** Returns the violation of an import within a layer, or undefined. */
export function roomViolation(layer: string, file: string, target: string, typeOnly: boolean): string | undefined {
  const rooms = ROOMS[layer];
  if (rooms === undefined) return undefined;
  const [from, to] = [roomOf(layer, file), roomOf(layer, target)];
  const room = rooms[from] ?? rooms[OTHERS];
  if (room === undefined) return `"${from}" is no room of ${layer}; the table is in scripts/house/rooms.ts`;
  const isOther = rooms[to] === undefined && room.uses.includes(OTHERS);
  if (from === to || isOther || room.uses.includes(to)) return undefined;
  if (room.usesTypesOf?.includes(to)) {
    return typeOnly ? undefined : `${layer}/${from} may import types alone from ${layer}/${to} (import type)`;
  }
  return `${layer}/${from} may not import from ${layer}/${to}; it may from ${room.uses.join(", ") || "none of them"}`;
}

/** Layers that others enter by these files alone, so that nothing else of them is known by name. */
const ENTRANCES: Readonly<Record<string, readonly string[]>> = {
  sources: ["server/src/sources/open-source.ts", "server/src/sources/feeders/open-feeder.ts"],
};
/** The tools for a data folder read and write the embedded log, whatever the service reads from. */
const BESIDE_THE_SERVICE = ["server/src/cli/data-folder/", "server/src/cli/replay/", "server/src/cli/feed/"];

/** Adds up figures of the past as the engine does. */
const PAST_FIGURES = "server/src/serving/history/";

/** Returns the violation of an import of another layer's file, or undefined. */
export function entranceViolation(layer: string, file: string, target: string): string | undefined {
  if (layer === "engine" && file.startsWith("server/src/serving/") && !file.startsWith(PAST_FIGURES)) {
    return `imports ${target}; of serving, only ${PAST_FIGURES} uses the engine`;
  }
  const entrances = ENTRANCES[layer];
  if (entrances === undefined || entrances.includes(target)) return undefined;
  if (BESIDE_THE_SERVICE.some((folder) => file.startsWith(folder))) return undefined;
  return `imports ${target}; other layers enter ${layer} by ${entrances.join(" and ")}`;
}
