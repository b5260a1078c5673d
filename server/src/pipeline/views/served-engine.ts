import type { PartitionEngine } from "../../engine/partition-engine.ts";

/** The reading half of the engine. */
export type ServedEngine = Pick<
  PartitionEngine,
  | "config"
  | "knownTokens"
  | "seenSinceMs"
  | "highs"
  | "findById"
  | "findByToken"
  | "findBySymbol"
  | "info"
  | "version"
  | "isRetired"
  | "tokens"
  | "tokensOfPart"
  | "chainIdOf"
  | "settledAboveMs"
  | "hasTrades"
  | "compareIds"
  | "rankKey"
  | "windowStats"
  | "windowsStats"
  | "nextChangeMs"
  | "candles"
  | "newestSwaps"
>;
