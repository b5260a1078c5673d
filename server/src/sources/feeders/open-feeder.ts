/** The lists of feeders: the generator by its name in `ingest.source`, and the origins by their type in `ingest.feeders`. */
import { join, resolve } from "node:path";
import { SchemaRegistry } from "../../clients/schema-registry/schema-registry.ts";
import { registrySettings } from "../../clients/schema-registry/settings.ts";
import type { FeederConfig, RegistryConfig } from "../../config/build/ingest.ts";
import type { Config } from "../../config/config.ts";
import type { FeederType } from "../../config/keys/feeders.ts";
import type { FeederNumbers } from "../../observability/feeder-metrics.ts";
import type { Feeder, FeederEvents, FeederStatus } from "../../ports/feeder.ts";
import type { IngestPort } from "../../ports/intake.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { makeFolder } from "../../shared/make-folder.ts";
import { readFeederMapping } from "./feeder-mapping.ts";
import type { OriginModule } from "./origin.ts";
import { OriginFeeder, type OriginFeederOptions } from "./origin-feeder.ts";
import { PositionFile } from "./position-file.ts";

type FeederModule = {
  /** `config.ingest.source` is the feeder's name. */
  openFeeder(config: never, events: FeederEvents): Feeder;
};

const FEEDERS = {
  generator: () => import("./generator.ts"),
} as const satisfies Partial<Record<Config["ingest"]["source"], () => Promise<FeederModule>>>;

const ORIGINS: Readonly<Record<FeederType, () => Promise<OriginModule>>> = {
  file: () => import("./file/file-origin.ts"),
  postgres: () => import("./postgres/origin.ts"),
  evm_rpc: () => import("./evm-rpc/evm-rpc.ts"),
  http: () => import("./http/http-origin.ts"),
  websocket: () => import("./websocket/websocket-origin.ts"),
};

export type FeederKind = keyof typeof FEEDERS;

export function isFeederKind(source: Config["ingest"]["source"]): source is FeederKind {
  return Object.hasOwn(FEEDERS, source);
}

/** Folder of the positions, below the data folder. */
export const POSITIONS_FOLDER = "feeders";

type FeedersOptions = Pick<OriginFeederOptions, "onRefused" | "nowMs"> & {
  /** Called when an operation of the feeder failed. `retrying`: the feeder retries it. */
  readonly onProblem: (feeder: string, error: unknown, retrying: boolean) => void;
};

/** All feeders of the service as one. */
export class Feeders implements Feeder {
  readonly #others: readonly Feeder[];
  readonly #origins: readonly OriginFeeder[];

  /** `others` have no positions, and no status. */
  constructor(others: readonly Feeder[], origins: readonly OriginFeeder[]) {
    this.#others = others;
    this.#origins = origins;
  }

  /** Whether nothing is configured. */
  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  async start(port: IngestPort): Promise<void> {
    for (const feeder of this.#all) await feeder.start(port);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((feeder) => feeder.stop()));
  }

  /** Returns the status of each feeder of `ingest.feeders`. */
  statuses(): FeederStatus[] {
    return this.#origins.map((feeder) => feeder.status);
  }

  /** Returns their numbers for metrics. */
  numbers(): FeederNumbers[] {
    return this.#origins.map(({ status, countsSinceStart }) => ({ ...status, ...countsSinceStart }));
  }

  get #all(): readonly Feeder[] {
    return [...this.#others, ...this.#origins];
  }
}

/**
 * Opens the configured feeders without starting them. Rejects with `bad_config` for settings and mappings that cannot be used, and with
 * `storage_failed` for a position that is damaged.
 */
export async function openFeeders(config: Config, { onProblem, ...options }: FeedersOptions): Promise<Feeders> {
  const { ingest, app, api } = config;
  const others: Feeder[] = [];
  if (isFeederKind(ingest.source)) {
    const { openFeeder } = await FEEDERS[ingest.source]();
    const { source } = ingest;
    others.push(openFeeder(config as never, { onProblem: (error, retrying) => onProblem(source, error, retrying) }));
  }
  const settings = ingest.source === "kafka" ? [] : ingest.feeders;
  const origins: OriginFeeder[] = [];
  for (const entry of settings) {
    origins.push(
      await openOriginFeeder(entry, {
        ...options,
        folder: join(resolve(config.dataDir), POSITIONS_FOLDER),
        endsAtEnd: false,
        registry: ingest.registry,
        chains: app.chains,
        bodyEventsMax: api.http.maxBatch,
        events: { onProblem: (error, retrying) => onProblem(entry.name, error, retrying) },
      }),
    );
  }
  return new Feeders(others, origins);
}

type OpenOptions = Pick<OriginFeederOptions, "chains" | "bodyEventsMax" | "onRefused" | "events" | "nowMs"> & {
  /** Folder of the position. It is created if it does not exist. */
  readonly folder: string;
  /** Whether the feeder ends at the end that the origin has now. */
  readonly endsAtEnd: boolean;
  /** Where records have their schemas. Undefined: in files. */
  readonly registry: RegistryConfig | undefined;
};

/** Opens the feeder of one entry, as `openFeeders` does. */
export async function openOriginFeeder(settings: FeederConfig, options: OpenOptions): Promise<OriginFeeder> {
  const { folder, endsAtEnd, registry, ...rest } = options;
  const { name, type } = settings;
  const { openOrigin } = await ORIGINS[type]();
  const { mapper, table } = readFeederMapping(settings, registry && new SchemaRegistry(registrySettings(registry)));
  const origin = openOrigin(settings as never, { mapper, table, endsAtEnd });
  makePositionsFolder(folder);
  const keeper = new PositionFile(folder, name, { type, identity: origin.identity });
  return new OriginFeeder({ ...rest, name, type, origin, mapper, keeper });
}

function makePositionsFolder(folder: string): void {
  try {
    makeFolder(folder);
  } catch (cause) {
    const message = `Cannot make the folder of positions, ${folder}: ${(cause as Error).message}. Check its path and permissions.`;
    throw new SwapstatsError("storage_failed", message, { cause });
  }
}
