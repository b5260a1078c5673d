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
const DOOR: Room = { uses: [".", "live"] };

const ROOMS: Readonly<Record<string, Readonly<Record<string, Room>>>> = {
  serving: {
    doors: { uses: ["http", "websocket"], usesTypesOf: ["core"] },
    core: { uses: [".", "live"] },
    http: DOOR,
    websocket: DOOR,
    live: { uses: ["."] },
    ".": NONE,
  },
  cli: {
    ".": { uses: ["data-folder", "live", "replay"] },
    live: { uses: ["."] },
    replay: { uses: ["."] },
    "data-folder": NONE,
  },
  pipeline: {
    ".": { uses: ["thread-share", "checkpoint", "views"], usesTypesOf: ["workers"] },
    checkpoint: NONE,
    "thread-share": NONE,
    views: { uses: ["thread-share"] },
    hot: { uses: ["thread-share", "views"] },
    workers: { uses: [".", "thread-share", "checkpoint", "views", "hot"] },
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

/** Returns the room of a file. The files of the layer are below `server/src/<layer>/`. */
function roomOf(layer: string, file: string): string {
  const [first, ...rest] = file.slice(`server/src/${layer}/`.length).split("/");
  const name = first!.replace(/\.ts$/, "");
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
const BESIDE_THE_SERVICE = ["server/src/cli/data-folder/", "server/src/cli/replay/"];

/** Returns the violation of an import of another layer's file, or undefined. */
export function entranceViolation(layer: string, file: string, target: string): string | undefined {
  const entrances = ENTRANCES[layer];
  if (entrances === undefined || entrances.includes(target)) return undefined;
  if (BESIDE_THE_SERVICE.some((folder) => file.startsWith(folder))) return undefined;
  return `imports ${target}; other layers enter ${layer} by ${entrances.join(" and ")}`;
}
