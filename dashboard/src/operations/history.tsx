/** How the history is written: its store, how far it is behind, and what waits. */
import type { Status } from "@swapstats/client";
import { exact, formatBytes, formatCount } from "../format/figures.ts";
import { formatSpan } from "../format/times.ts";
import { Badge, Panel, type Tone } from "../ui/parts.tsx";

type Writing = NonNullable<Status["history"]>;

const STORES: Readonly<Record<Writing["store"], string>> = {
  embedded: "Parquet files in the data folder",
  clickhouse: "ClickHouse",
  postgres: "PostgreSQL",
};

/** Rows that wait longer are not only collected for a write. */
const BEHIND_MS = 60_000;

export function History({ history }: { readonly history: Writing | undefined }) {
  if (history === undefined) {
    return (
      <Panel title="History" class="ops-history">
        <p class="ops-none">
          No history is kept: answers reach as far back as memory does. Set <code>stores.history</code> to keep every
          swap.
        </p>
      </Panel>
    );
  }
  const [word, tone, meaning] = stateOf(history);
  return (
    <Panel
      title="History"
      class="ops-history"
      aside={
        <Badge tone={tone} title={meaning}>
          {word}
        </Badge>
      }
    >
      {history.problem !== undefined && (
        <p class="ops-history-problem" role="alert">
          {history.problem}
        </p>
      )}
      <dl class="ops-history-facts">
        {factsOf(history).map(({ label, value, title, isBad }) => (
          <div key={label} title={title} class={isBad ? "is-bad" : ""}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {(history.gaps > 0 || history.rows_lost > 0) && (
        <p class="ops-history-note">
          Answers that touch a gap say <code>history_complete: false</code>. <code>swapstats history status</code> lists
          the gaps.
        </p>
      )}
    </Panel>
  );
}

type State = readonly [word: string, tone: Tone, meaning: string];

function stateOf(history: Writing): State {
  if (history.full)
    return ["buffer full", "down", "Rows that wait have no room: history.on_failure says what happens."];
  if (history.problem !== undefined)
    return ["away", "down", "The store does not take rows. They wait, and nothing is lost while the buffer has room."];
  if (lagOf(history) > BEHIND_MS) return ["behind", "warn", "The store takes rows more slowly than they come."];
  return ["written", "up", "The store takes rows as they settle."];
}

const lagOf = ({ partitions }: Writing): number => partitions.reduce((most, { lag_ms }) => Math.max(most, lag_ms), 0);

type Fact = { readonly label: string; readonly value: string; readonly title: string; readonly isBad?: boolean };

function factsOf(history: Writing): readonly Fact[] {
  const { partitions, memory_bytes: memory, spool_bytes: file, rows_written: written, rows_lost: lost, gaps } = history;
  const waiting = partitions.reduce((sum, { waiting_rows }) => sum + waiting_rows, 0);
  const durable = partitions.map(({ partition, durable: to }) => `partition ${partition}: up to swap ${exact(to)}`);
  return [
    { label: "Store", value: STORES[history.store], title: `stores.history: ${history.store}` },
    {
      label: "Oldest waits",
      value: formatSpan(lagOf(history)),
      title: "Time for which the oldest settled swap has waited for the store",
    },
    { label: "Waiting rows", value: formatCount(waiting), title: `${exact(waiting)} settled swaps wait for the store` },
    { label: "In memory", value: formatBytes(memory), title: `${exact(memory)} bytes, at most history.memory` },
    {
      label: "In the buffer file",
      value: formatBytes(file),
      title: `${exact(file)} bytes, at most history.buffer_bytes`,
      isBad: history.full,
    },
    {
      label: "Written",
      value: formatCount(written),
      title: `${exact(written)} rows since the start of the process. Durable: ${durable.join("; ") || "nothing has settled yet"}`,
    },
    {
      label: "Left out",
      value: formatCount(lost),
      title: `${exact(lost)} rows since the start of the process, because the buffer was full`,
      isBad: lost > 0,
    },
    {
      label: "Gaps",
      value: formatCount(gaps),
      title: `${exact(gaps)} gaps since the start of the process`,
      isBad: gaps > 0,
    },
  ];
}
