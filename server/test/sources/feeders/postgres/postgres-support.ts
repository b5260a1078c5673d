/** Tables of a real PostgreSQL, sessions that hold transactions open, and an origin that reads them. */
import { Client } from "pg";
import { POSTGRES_PASSWORD, type PostgresServer, startPostgres } from "../../../../../scripts/servers/postgres.ts";
import type { FeederConfig } from "../../../../src/config/build/ingest.ts";
import type { Origin, OriginBatch, Position } from "../../../../src/sources/feeders/origin.ts";
import { openOrigin } from "../../../../src/sources/feeders/postgres/origin.ts";
import { tempDir } from "../../../support/tmp.ts";

type Cleanup = { after(run: () => Promise<void>): void };

export async function startServer(t: Cleanup, options: Omit<Parameters<typeof startPostgres>[0], "folder"> = {}) {
  const server = await startPostgres({ folder: tempDir(t, "postgres"), ...options });
  t.after(() => server.stop());
  return server;
}

/** A session of another client, for transactions that stay open. */
export async function session(t: Cleanup, { host, port, user, database }: PostgresServer): Promise<Client> {
  const client = new Client({ host, port, user, database, password: POSTGRES_PASSWORD });
  // The server ends under some tests.
  client.on("error", () => {});
  await client.connect();
  t.after(() => client.end().catch(() => {}));
  return client;
}

type Entry = FeederConfig<"postgres">;

/** An entry without margins, which polls fast. */
export function entryFor(server: Pick<PostgresServer, "host" | "port">, changes: Partial<Entry> = {}): Entry {
  return {
    type: "postgres",
    name: "test",
    mapping: undefined,
    url: undefined,
    hosts: [{ host: server.host, port: server.port }],
    database: "postgres",
    user: "postgres",
    password: POSTGRES_PASSWORD,
    sessions: "read-write",
    tls: { isOn: false, caPath: undefined, certPath: undefined, keyPath: undefined },
    table: "swaps",
    query: undefined,
    id: "id",
    from: "start",
    rowsMax: 1_000,
    pollMs: 10,
    channel: undefined,
    marginIds: 0,
    marginMs: 0,
    statementMs: 10_000,
    ...changes,
  };
}

/** Reads an origin as the feeder does: from the position of the last batch. */
export class Reader {
  readonly ids: string[] = [];
  readonly rows: Record<string, unknown>[] = [];
  readonly texts: string[] = [];
  position: Position | undefined;
  readonly #stopping = new AbortController();
  #origin: Origin;
  readonly #entry: Entry;
  readonly #endsAtEnd: boolean;

  constructor(t: Cleanup, entry: Entry, endsAtEnd = false) {
    this.#entry = entry;
    this.#endsAtEnd = endsAtEnd;
    this.#origin = this.#open();
    t.after(async () => {
      this.#stopping.abort(new Error("the test has ended"));
      await this.#origin.close();
    });
  }

  /** Reads one batch. Undefined: the end. */
  async batch(): Promise<OriginBatch | undefined> {
    const batch = await this.#origin.read(this.position, this.#stopping.signal);
    if (batch === undefined) return undefined;
    this.position = batch.position;
    for (const { bytes, start, end } of batch.records) {
      const text = Buffer.from(bytes.subarray(start, end)).toString();
      const row = JSON.parse(text) as Record<string, unknown>;
      this.texts.push(text);
      this.rows.push(row);
      this.ids.push(/"(?:id|Id "x)":(-?[0-9]+)/.exec(text.replaceAll("\\", ""))?.[1] ?? "");
    }
    return batch;
  }

  /** Reads until there are this many rows in all. */
  async rowsUntil(count: number): Promise<readonly string[]> {
    while (this.ids.length < count) await this.batch();
    return this.ids;
  }

  /** Reads until everything up to this id is final. */
  async finalUntil(id: bigint): Promise<void> {
    while (this.after < id) await this.batch();
  }

  async untilEnd(): Promise<readonly string[]> {
    while ((await this.batch()) !== undefined);
    return this.ids;
  }

  get after(): bigint {
    return BigInt((this.position as { after?: string } | undefined)?.after ?? -(2n ** 63n));
  }

  /** A new process continues from the kept position. */
  async restart(): Promise<void> {
    await this.#origin.close();
    this.#origin = this.#open();
  }

  #open(): Origin {
    return openOrigin(this.#entry, { mapper: undefined, endsAtEnd: this.#endsAtEnd });
  }
}
