/** The list of feeders, by their name in `ingest.source`; see ports/feeder.ts. */
import type { Config } from "../../config/config.ts";
import type { Feeder, FeederEvents } from "../../ports/feeder.ts";

type FeederModule = {
  /** `config.ingest.source` is the feeder's name. */
  openFeeder(config: never, events: FeederEvents): Feeder;
};

const FEEDERS = {
  generator: () => import("./generator.ts"),
} as const satisfies Partial<Record<Config["ingest"]["source"], () => Promise<FeederModule>>>;

export type FeederKind = keyof typeof FEEDERS;

export function isFeederKind(source: Config["ingest"]["source"]): source is FeederKind {
  return Object.hasOwn(FEEDERS, source);
}

/** Returns the configured feeder, not started; undefined where `ingest.source` names a source. */
export async function openFeeder(config: Config, events: FeederEvents): Promise<Feeder | undefined> {
  const { source } = config.ingest;
  if (!isFeederKind(source)) return undefined;
  const { openFeeder: open } = await FEEDERS[source]();
  return open(config as never, events);
}
