/** The streams of the store: where each is valid, how far it is final, and what it holds. Read before each answer, so an answer never mixes two states. */
import type { ClickHouseConnection } from "../../../clients/clickhouse/connection.ts";
import type { Span, StreamKey } from "../../../ports/history-store.ts";
import type { ClickHouseTables } from "./clickhouse-setup.ts";
import type { LevelName } from "./levels.ts";
import { table } from "./sql.ts";

export type StreamState = StreamKey & {
  /** As rows name it: a hash, in decimal digits. */
  readonly id: string;
  readonly span: Span;
  /** The newest mark. */
  readonly settledBeforeMs: number;
  readonly settledSequence: number;
  /** Units before these times are in their tables. Rows of the minutes have sequences below `minutesSequence`. */
  readonly finalMs: Readonly<Record<LevelName, number>>;
  readonly minutesSequence: number;
  /** Undefined without rows. The last ones are included. */
  readonly held: Held | undefined;
};

type Held = {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly fromMs: number;
  readonly toMs: number;
};

type Columns = readonly [
  ...[id: string, logId: string, partition: number, epoch: number, fromMs: number, toMs: number],
  ...[
    settledMs: number,
    settledSequence: number,
    minutesMs: number,
    minutesSequence: number,
    hoursMs: number,
    daysMs: number,
  ],
  ...[isHeld: number, firstSequence: number, lastSequence: number, firstMs: number, lastMs: number],
];

export async function readStreams(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  signal?: AbortSignal,
): Promise<StreamState[]> {
  const at = (name: string): string => table(tables, name);
  // One aggregation of the three small tables takes half the time of joining them.
  const key = "stream, log_id, partition, epoch";
  const sql = `SELECT toString(stream), any(log_id), any(partition), any(epoch), maxIf(a, kind = 'stream'), maxIf(b, kind = 'stream'),
      maxIf(b, kind = 'settled'), maxIf(a, kind = 'settled'), maxIf(b, kind = 'minutes'), maxIf(a, kind = 'minutes'), maxIf(b, kind = 'hours'),
      maxIf(b, kind = 'days'),
      countIf(kind = 'rows') > 0, minIf(a, kind = 'rows'), maxIf(b, kind = 'rows'), minIf(c, kind = 'rows'), maxIf(d, kind = 'rows')
    FROM (SELECT ${key}, 'stream' AS kind, from_ms AS a, to_ms AS b, 0 AS c, 0 AS d FROM ${at("history_streams")}
      UNION ALL SELECT ${key}, toString(kind), toInt64(sequence), before_ms, 0, 0 FROM ${at("history_marks")}
      UNION ALL SELECT ${key}, 'rows', toInt64(first_sequence), toInt64(last_sequence), from_ms, to_ms FROM ${at("history_ranges")})
    GROUP BY stream HAVING countIf(kind = 'stream') > 0 ORDER BY 2, 3, 4`;
  const rows = (await connection.rows("read the streams of the history", sql, signal)) as unknown as Columns[];
  return rows.map(([id, logId, partition, epoch, fromMs, toMs, ...rest]) => {
    const [settledBeforeMs, settledSequence, minutes, minutesSequence, hours, days, isHeld, ...held] = rest;
    const [firstSequence, lastSequence, heldFromMs, heldToMs] = held;
    return {
      ...{ id, logId, partition, epoch, span: { fromMs, toMs } },
      ...{ settledBeforeMs, settledSequence, finalMs: { minutes, hours, days }, minutesSequence },
      held: isHeld === 0 ? undefined : { firstSequence, lastSequence, fromMs: heldFromMs, toMs: heldToMs },
    };
  });
}

/** Parts of time in which the stream is not valid: outside its span, and within spans of greater epochs. Whole units that touch such a part. */
export function invalidParts(stream: StreamState, streams: readonly StreamState[], unitMs = 1): Span[] {
  const outside = [
    { fromMs: 0, toMs: stream.span.fromMs },
    { fromMs: stream.span.toMs, toMs: Number.MAX_SAFE_INTEGER },
  ];
  const newer = streams
    .filter(({ logId, partition, epoch }) => {
      return logId === stream.logId && partition === stream.partition && epoch > stream.epoch;
    })
    .map(({ span }) => span);
  const parts = [...outside, ...newer].filter(({ fromMs, toMs }) => fromMs < toMs);
  return united(
    parts.map(({ fromMs, toMs }) => ({
      fromMs: Math.floor(fromMs / unitMs) * unitMs,
      toMs: toMs >= Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Math.ceil(toMs / unitMs) * unitMs,
    })),
  );
}

/** Joins spans that touch or overlap, and drops empty ones. Ascending. */
export function united(spans: readonly Span[]): Span[] {
  const joined: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of spans.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = joined.at(-1);
    if (fromMs >= toMs) continue;
    if (last === undefined || fromMs > last.toMs) joined.push({ fromMs, toMs });
    else last.toMs = Math.max(last.toMs, toMs);
  }
  return joined;
}
