/** Where the history of a crash run is kept: what the service is told, how the rows are read past it, and how the store is taken away. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../../scripts/servers/ports.ts";
import { POSTGRES_PASSWORD, type PostgresServer, startPostgres } from "../../../scripts/servers/postgres.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { HistoryStore, RawRow } from "../../src/ports/history-store.ts";
import { historyStoreSetup, openHistoryStore } from "../../src/stores/history/open-history-store.ts";
import { readRawEvents } from "../stores/history/embedded-support.ts";
import { backendOf } from "../stores/history/postgres/postgres-support.ts";
import type { Settings } from "./service-process.ts";

export type HistorySite = {
  readonly settings: Settings;
  /** Opens the store for reading alone. */
  open(): Promise<HistoryStore>;
  /** All valid raw rows. */
  rawRows(): Promise<readonly RawRow[]>;
  /** Makes every write fail, or work again. */
  setAway(isAway: boolean): Promise<void>;
  close(): Promise<void>;
};

const DISK_MIB = 96;

async function openFor(dataDir: string, settings: Settings): Promise<HistoryStore> {
  const { config } = loadConfig({ env: settings });
  const setup = historyStoreSetup(config, dataDir);
  if (setup === undefined) throw new Error("no history is configured");
  return openHistoryStore(setup.kind === "embedded" ? { ...setup, isReader: true } : setup);
}

/** Files in the data folder. */
export function embeddedSite(dataDir: string): HistorySite {
  const settings = { SWAPSTATS_STORES_HISTORY: "embedded", SWAPSTATS_HISTORY_FLUSH_INTERVAL: "50ms" };
  return {
    settings,
    open: () => openFor(dataDir, settings),
    rawRows: async () => (hasEvents(dataDir) ? readRawEvents(dataDir) : []),
    setAway: () => Promise.reject(new Error("the disk of the data folder cannot be taken away")),
    close: async () => {},
  };
}

function hasEvents(dataDir: string): boolean {
  const path = join(dataDir, "history/files.json");
  return existsSync(path) && JSON.parse(readFileSync(path, "utf8")).events.length > 0;
}

/** The same on a disk of its own, which can be full. Needs the right to mount. */
export function smallDiskSite(dataDir: string): HistorySite {
  const folder = join(dataDir, "history");
  const filler = join(folder, "filler");
  mkdirSync(folder, { recursive: true });
  run("mount", "-t", "tmpfs", "-o", `size=${DISK_MIB}m`, "swapstats-history", folder);
  return {
    ...embeddedSite(dataDir),
    setAway: async (isAway) => {
      // It ends with an error when the disk is full.
      if (isAway) spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=4096"]);
      else rmSync(filler, { force: true });
    },
    close: async () => run("umount", folder),
  };
}

function run(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
}

/** A server of its own, which is killed. */
export async function postgresSite(folder: string): Promise<HistorySite> {
  const port = await freePort();
  let server: PostgresServer = await startPostgres({ folder, port });
  const settings = {
    SWAPSTATS_STORES_HISTORY: "postgres",
    SWAPSTATS_STORES_POSTGRES_URL: `postgres://postgres:${POSTGRES_PASSWORD}@127.0.0.1:${port}/postgres`,
    SWAPSTATS_HISTORY_FLUSH_INTERVAL: "50ms",
  };
  return {
    settings,
    open: () => openFor("", settings),
    rawRows: () => backendOf(server).rawRows("swapstats"),
    setAway: async (isAway) => {
      if (!isAway) server = await startPostgres({ folder, port });
      else {
        server.kill();
        await server.exited;
      }
    },
    close: () => server.stop(),
  };
}
