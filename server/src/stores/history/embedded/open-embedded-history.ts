import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { HistoryStore } from "../../../ports/history-store.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { lockFolder } from "../../folder-lock.ts";
import { Catalog } from "./catalog.ts";
import { CATALOG_NAME } from "./catalog-schema.ts";
import { ColdTier } from "./cold-tier.ts";
import { diskFailure } from "./disk-failure.ts";
import { Duck, importDuckdb } from "./duck.ts";
import { EmbeddedHistoryStore } from "./embedded-history-store.ts";
import type { EmbeddedHistorySetup } from "./embedded-setup.ts";

const FOLDER_NAME = "history";
/** Readers of `files.json` have this long for the files that it names. */
const GRACE_MS = 10 * 60_000;
const READER = new SwapstatsError("data_folder_locked", "The history was opened for reading alone.");
/** DuckDB takes these in paths for patterns. */
const PATTERN = /[*?[\]{}]/;

/**
 * Opens the history of a data folder for writing, or for reading alone while another process writes it. Rejects with `bad_config` when DuckDB is missing or the
 * path cannot be used, and with `storage_failed` when the catalog cannot be opened; retryable where the disk is full.
 */
export async function openEmbeddedHistory(
  setup: EmbeddedHistorySetup,
  nowMs = Date.now,
  graceMs = GRACE_MS,
): Promise<HistoryStore> {
  try {
    return await open(setup, nowMs, graceMs);
  } catch (error) {
    throw diskFailure(error);
  }
}

async function open(setup: EmbeddedHistorySetup, nowMs: () => number, graceMs: number): Promise<HistoryStore> {
  await importDuckdb();
  const folder = join(setup.dataDir, FOLDER_NAME);
  if (PATTERN.test(folder)) {
    throw new SwapstatsError(
      "bad_config",
      `The history cannot be in ${folder}: DuckDB reads * ? [ ] { } in a path as a pattern. Give app.data_dir another name.`,
    );
  }
  mkdirSync(folder, { recursive: true });
  let locked = setup.isReader === true ? READER : undefined;
  let release = (): void => {};
  try {
    if (locked === undefined)
      ({ release } = lockFolder(folder, nowMs(), (error) => {
        locked = error;
      }));
  } catch (error) {
    if (!(error instanceof SwapstatsError) || error.code !== "data_folder_locked") throw error;
    locked = error;
  }
  try {
    const catalog = new Catalog(join(folder, CATALOG_NAME));
    const duck = await Duck.open(folder, setup);
    const { retentionMs } = setup;
    const cold = setup.cold === undefined ? undefined : new ColdTier(folder, setup.cold);
    return new EmbeddedHistoryStore({
      folder,
      duck,
      catalog,
      locked: () => locked,
      release,
      retentionMs,
      cold,
      graceMs,
      nowMs,
    });
  } catch (error) {
    release();
    throw error;
  }
}
