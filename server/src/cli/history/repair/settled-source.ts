import { resolve } from "node:path";
import { toEngineConfig } from "../../../config/config.ts";
import { decodeManifest } from "../../../pipeline/checkpoint/manifest.ts";
import { openPastLog } from "../../../sources/open-source.ts";
import { checkpointStoreSetup, openCheckpointStore } from "../../../stores/open-checkpoint-store.ts";
import type { Output } from "../../output.ts";
import { readConfig } from "../../read-config.ts";
import type { HistoryOptions } from "../history.ts";
import type { SettledSource } from "./repair.ts";

/** Returns the log and the settings of the configuration. Throws `bad_config`. */
export function settledSource({ config: path, dataDir }: HistoryOptions, output: Output): SettledSource {
  const { config } = readConfig(path, output);
  const ofFolder = { ...config, dataDir: dataDir ?? config.dataDir };
  return {
    config: toEngineConfig(config),
    openLog: () => openPastLog(ofFolder),
    knownOf: async (partition) => {
      const { store } = await openCheckpointStore(checkpointStoreSetup(ofFolder, resolve(ofFolder.dataDir)));
      try {
        const stored = await store.readManifest(partition);
        if (stored?.unreadable !== undefined) throw stored.unreadable;
        const decoded = stored === undefined ? undefined : decodeManifest(stored.bytes, partition);
        return decoded?.kind === "good" ? decoded.manifest.history : undefined;
      } finally {
        await store.close();
      }
    },
  };
}
