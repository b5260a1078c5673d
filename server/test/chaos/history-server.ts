/** The history store of a chaos run: a real ClickHouse. It can be killed, frozen and restarted at its address, with its data. */
import { CLICKHOUSE_PASSWORD, type ClickHouseServer, startClickHouse } from "../../../scripts/servers/clickhouse.ts";
import { ClickHouseHistory } from "../../src/stores/history/clickhouse/clickhouse-history.ts";
import type { Settings } from "../crash/service-process.ts";
import { setupOn } from "../stores/history/clickhouse/fixture.ts";

export const DATABASE = "swapstats";
/** Longest time of a request: one that takes longer fails, and may be applied later. */
const REQUEST_TIMEOUT_MS = 3_000;

export class HistoryServer {
  /** What the test itself reads. */
  readonly reader: ClickHouseHistory;
  readonly #folder: string;
  #server: ClickHouseServer;

  private constructor(folder: string, server: ClickHouseServer) {
    this.#folder = folder;
    this.#server = server;
    this.reader = new ClickHouseHistory(setupOn(server, "chaos", { database: DATABASE }));
  }

  static async start(folder: string): Promise<HistoryServer> {
    return new HistoryServer(folder, await startClickHouse({ folder }));
  }

  get server(): ClickHouseServer {
    return this.#server;
  }

  get port(): number {
    return this.#server.port;
  }

  /** Settings of an instance whose way to the store begins at this port. */
  settings(port: number): Settings {
    return {
      SWAPSTATS_STORES_HISTORY: "clickhouse",
      SWAPSTATS_STORES_CLICKHOUSE_URL: `http://127.0.0.1:${port}`,
      SWAPSTATS_STORES_CLICKHOUSE_USER: this.#server.user,
      SWAPSTATS_STORES_CLICKHOUSE_PASSWORD: CLICKHOUSE_PASSWORD,
      SWAPSTATS_STORES_CLICKHOUSE_DATABASE: DATABASE,
      SWAPSTATS_STORES_CLICKHOUSE_REQUEST_TIMEOUT: `${REQUEST_TIMEOUT_MS}ms`,
      // The least: while the store is away, rows wait in the file.
      SWAPSTATS_HISTORY_MEMORY: "1MiB",
      SWAPSTATS_HISTORY_RAW: "on",
    };
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.#server.kill();
    await this.#server.exited;
  }

  async restart(): Promise<void> {
    this.#server = await startClickHouse({ folder: this.#folder, port: this.port });
  }

  freeze(): void {
    this.#server.signal("SIGSTOP");
  }

  thaw(): void {
    this.#server.signal("SIGCONT");
  }

  async close(): Promise<void> {
    await this.reader.close();
    await this.#server.stop();
  }
}
