/**
 * Reads the rows of a producer's own table in the order of an integer column, and finds rows whose transactions commit late
 * (open-ids.ts). A pass is one transaction that cannot write: an observation, then the holes, then the rows behind the last id.
 *
 * The position is the final id, and what was read above it (position.ts). Where the latter does not hold any more, rows above the final id
 * are read again, and the state recognises the copies.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { ConnectionOptions } from "node:tls";
import { PostgresConnection, type Reading, readTlsFiles } from "../../../clients/postgres/connection.ts";
import type { FeederConfig } from "../../../config/build/ingest.ts";
import type { MappedRecord } from "../../../mapping/mapper.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { WakeableTimer } from "../../../shared/wakeable-timer.ts";
import { ORIGIN_BATCH_BYTES_MAX, type Origin, type OriginBatch, type OriginContext, type Position } from "../origin.ts";
import { explained, type Target } from "./failures.ts";
import { type Observation, OpenIds } from "./open-ids.ts";
import { BEGINNING, type KeptPosition, keptPosition, readIds, textOf } from "./position.ts";
import { originSettings, type PostgresOriginSettings } from "./settings.ts";
import { quoted, Statements } from "./statements.ts";
import { checkTable } from "./table-check.ts";

/** What was read behind a position. */
type Progress = { readonly connection: PostgresConnection; readonly ids: OpenIds; pass: number };

type Pass = {
  readonly records: readonly MappedRecord[];
  readonly newest: bigint | undefined;
  /** Whether the table has more rows already. */
  readonly hasMore: boolean;
};

type Page = {
  readonly ids: readonly bigint[];
  readonly records: readonly MappedRecord[];
  readonly bytes: number;
  /** Whether there are more rows than these. */
  readonly isCut: boolean;
};
const NO_ROWS: Page = { ids: [], records: [], bytes: 0, isCut: false };

/** Rows of Statements.observation, and of `ranges` and `following`. */
type ObservedRow = { newest: string | null; writers: string[]; oldest: string; next: string };
type ReadRow = { id: string; record: string; found: string; twin: boolean | null };

const ID_MAX = 2n ** 63n - 1n;

/** Throws `bad_config` when settings contradict each other, or a name or a file cannot be used. */
export function openOrigin(entry: FeederConfig<"postgres">, context: OriginContext): Origin {
  return new PostgresOrigin(originSettings(entry), context);
}

class PostgresOrigin implements Origin {
  readonly identity: string;
  readonly #settings: PostgresOriginSettings;
  readonly #endsAtEnd: boolean;
  readonly #tls: ConnectionOptions | undefined;
  readonly #statements: Statements;
  readonly #target: Target;
  readonly #timer = new WakeableTimer();
  #progress: Progress | undefined;
  /** Whether a connection was lost. The next one may meet a server that lost rows, so it reads again from the final id. */
  #mayDiffer = false;
  /** Set when the last pass has read everything, with the time that it took. */
  #rest: { readonly passMs: number } | undefined;

  constructor(settings: PostgresOriginSettings, { endsAtEnd }: OriginContext) {
    const { server, source } = settings;
    this.#settings = settings;
    this.#endsAtEnd = endsAtEnd;
    this.#statements = new Statements(source);
    if (settings.channel !== undefined) quoted(settings.channel);
    this.#tls = server.tls === undefined ? undefined : readTlsFiles(server.tls, `The feeder ${settings.name}`);
    const hosts = server.hosts.map(({ host, port }) => `${host}:${port}`).join(", ");
    const what = this.#statements.table ?? "the tables of the query";
    this.#target = { server: hosts, user: server.user, what, statementMs: server.statementMs };
    // Hosts are not part of it: after a failover another one has the same rows.
    this.identity = JSON.stringify([server.database, this.#statements.table ?? source.query, source.id]);
  }

  get problem(): string | undefined {
    return undefined;
  }

  positionText(position: Position): string {
    return textOf(position as KeptPosition);
  }

  async read(position: Position | undefined, signal: AbortSignal): Promise<OriginBatch | undefined> {
    const wake = (): void => this.#timer.wake();
    signal.addEventListener("abort", wake);
    try {
      for (;;) {
        await this.#untilDue(signal);
        const progress = await this.#progressBehind(position as KeptPosition | undefined, signal);
        const { ids } = progress;
        const before = ids.after;
        const startMs = performance.now();
        const { records, newest, hasMore } = await this.#pass(progress, signal);
        this.#rest = hasMore || this.#endsAtEnd ? undefined : { passMs: performance.now() - startMs };
        const isEmpty = records.length === 0;
        if (isEmpty && this.#endsAtEnd) return undefined;
        if (isEmpty && ids.after === before && position !== undefined) continue;
        progress.pass += 1;
        // Ids are counted, not rows. At the end of the table there is nothing to count.
        const behind = hasMore && newest !== undefined && newest > ids.last ? newest - ids.last : 0n;
        const kept = keptPosition(ids, progress.pass, progress.connection.serverStart);
        return { records, position: kept, behind: { count: Number(behind), unit: "records" } };
      }
    } catch (error) {
      await this.#drop();
      signal.throwIfAborted();
      this.#mayDiffer = true;
      throw explained(error, this.#target);
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  async close(): Promise<void> {
    await this.#drop();
  }

  async #drop(): Promise<void> {
    const dropped = this.#progress;
    this.#progress = undefined;
    await dropped?.connection.close();
  }

  /**
   * Pauses behind a pass that has read everything: until a notification or the next poll, but at least as long as the pass took, so that
   * slow passes leave the database half of the time.
   */
  async #untilDue(signal: AbortSignal): Promise<void> {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) {
      await pause(rest.passMs, undefined, { signal }).catch(() => {});
      if (!signal.aborted) await this.#timer.pause(Math.max(0, this.#settings.pollMs - rest.passMs));
    }
    signal.throwIfAborted();
  }

  /** Returns what was read behind the position, with the connection that reads on. */
  async #progressBehind(position: KeptPosition | undefined, signal: AbortSignal): Promise<Progress> {
    const pass = position?.pass ?? 0;
    const current = this.#progress;
    if (current !== undefined && current.pass === pass && !current.connection.isLost) return current;
    this.#mayDiffer ||= current?.connection.isLost === true;
    await this.#drop();
    const { server, channel, margin, from } = this.#settings;
    const connection = await PostgresConnection.open(server, this.#tls, { onWake: () => this.#timer.wake() }, signal);
    try {
      // A standby takes no LISTEN.
      if (channel !== undefined && !connection.isStandby) await connection.listen(quoted(channel));
      const first = await connection.read(signal, async (reading) => {
        await checkTable(reading, this.#statements, this.#settings.source);
        if (position !== undefined) return BigInt(position.after);
        return from === "start" ? BEGINNING : (await this.#observe(reading, connection)).newest;
      });
      const read = this.#mayDiffer || position === undefined ? undefined : readIds(position, connection.serverStart);
      this.#mayDiffer = false;
      this.#progress = { connection, ids: new OpenIds(first ?? BEGINNING, margin, read), pass };
      return this.#progress;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async #pass({ connection, ids }: Progress, signal: AbortSignal): Promise<Pass> {
    const { late, following, newest, readTo } = await connection.read(signal, async (reading) => {
      const observation = await this.#observe(reading, connection);
      ids.observe(observation, performance.now());
      const holes = ids.holesToRead();
      const { rowsMax } = this.#settings;
      const lowsAndHighs = [holes.map(({ low }) => String(low)), holes.map(({ high }) => String(high))];
      const room = { rows: rowsMax, bytes: ORIGIN_BATCH_BYTES_MAX };
      const lateRows =
        holes.length === 0 ? NO_ROWS : await this.#page(reading, this.#statements.ranges, room, lowsAndHighs);
      const left = { rows: rowsMax - lateRows.ids.length, bytes: ORIGIN_BATCH_BYTES_MAX - lateRows.bytes };
      const found = { late: lateRows, following: NO_ROWS, newest: observation.newest };
      if (lateRows.isCut) return { ...found, readTo: lateRows.ids.at(-1) };
      if (left.rows <= 0 || left.bytes <= 0) return { ...found, readTo: ids.last };
      if (ids.last >= ID_MAX) return { ...found, readTo: undefined };
      const next = String(ids.last + 1n);
      const rows = await this.#page(reading, this.#statements.following, left, [next]);
      return { ...found, following: rows, readTo: rows.isCut ? rows.ids.at(-1) : undefined };
    });
    ids.add([...late.ids, ...following.ids], readTo);
    return { records: [...late.records, ...following.records], newest, hasMore: readTo !== undefined };
  }

  async #observe(reading: Reading, { isStandby }: PostgresConnection): Promise<Observation> {
    const { rows } = await reading(this.#statements.observation, [this.#statements.table ?? null]);
    const { newest, writers, oldest, next } = rows[0] as ObservedRow;
    const standby = isStandby ? { oldest: BigInt(oldest), next: BigInt(next) } : undefined;
    return { newest: newest === null ? undefined : BigInt(newest), writers, standby };
  }

  async #page(
    reading: Reading,
    sql: string,
    room: { readonly rows: number; readonly bytes: number },
    values: readonly (string | readonly string[])[],
  ): Promise<Page> {
    const { rows } = await reading(sql, [String(room.rows), String(room.bytes), ...values]);
    const read = rows as unknown as readonly ReadRow[];
    const twin = read.find((row) => row.twin === true);
    if (twin !== undefined) {
      const { what } = this.#target;
      const message = `Two rows of ${what} have the value ${twin.id} in ${this.#statements.id}, so rows could be missed. Set id to a column whose values are unique.`;
      throw new SwapstatsError("bad_config", message, { retryable: true });
    }
    const records = read.map(({ id, record }) => recordOf(id, record));
    const bytes = records.reduce((sum, { end }) => sum + end, 0);
    return { ids: read.map(({ id }) => BigInt(id)), records, bytes, isCut: read.length < Number(read[0]?.found ?? 0) };
  }
}

function recordOf(id: string, record: string): MappedRecord {
  const bytes = Buffer.from(record);
  const row = Number(id);
  return { bytes, start: 0, end: bytes.length, ...(Number.isSafeInteger(row) ? { row } : {}) };
}
