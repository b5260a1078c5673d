/** Partitions with their state, lag, watermarks and checkpoint. */
import type { Status } from "@swapstats/client";
import { exact, formatBytes, formatCount, NO_VALUE } from "../format/figures.ts";
import { exactTime, formatAge, formatSpan } from "../format/times.ts";
import { Badge, Empty, Panel, type Tone } from "../ui/parts.tsx";
import { scrollable } from "../ui/scrollable.ts";
import { BEHIND_MS, CHECKPOINT_OVERDUE_MS } from "./findings.ts";

type Partition = Status["partitions"][number];

const TONES: Readonly<Record<Partition["state"], Tone>> = {
  running: "up",
  restoring: "warn",
  draining: "neutral",
  failed: "down",
  away: "down",
};

export function Partitions({ status: { partitions }, now }: { readonly status: Status; readonly now: number }) {
  return (
    <Panel title="Partitions" aside={`${partitions.length}`}>
      {partitions.length === 0 ? (
        <Empty title="No partition yet">The source of swaps has not told which partitions there are.</Empty>
      ) : (
        <div class="ops-scroll" {...scrollable("Table of partitions")}>
          <table class="ops-table">
            <thead>
              <tr>
                <th scope="col">Partition</th>
                <th scope="col">State</th>
                <th scope="col">Owner</th>
                <th scope="col" class="number">
                  Waiting
                </th>
                <th scope="col" class="number">
                  Lag
                </th>
                <th scope="col">Watermark by chain</th>
                <th scope="col" class="number">
                  Position
                </th>
                <th scope="col" class="number">
                  Checkpoint
                </th>
                <th scope="col" class="number">
                  Size
                </th>
                <th scope="col" class="number">
                  Seen since
                </th>
              </tr>
            </thead>
            <tbody>
              {partitions.map((one) => (
                <Row key={one.partition} one={one} now={now} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Row({ one, now }: { readonly one: Partition; readonly now: number }) {
  const { checkpoint, seen_since: seenSince } = one;
  const isOverdue = checkpoint !== undefined && now - checkpoint.time > CHECKPOINT_OVERDUE_MS;
  return (
    <tr>
      <th scope="row">{one.partition}</th>
      <td>
        <Badge tone={TONES[one.state]} title={one.problems.join(" ")}>
          {one.state}
        </Badge>
        {one.mapping !== undefined && (
          <span class="ops-aside" title={`${exact(one.mapping.skipped)} swaps left out by the mapping's condition`}>
            {formatCount(one.mapping.records)} mapped
          </span>
        )}
      </td>
      <td class="ops-name">{one.owner === "" ? NO_VALUE : one.owner}</td>
      <td class="number" title={`${exact(one.lag)} records`}>
        {formatCount(one.lag)}
      </td>
      <td class={one.lag_ms >= BEHIND_MS ? "number is-stale" : "number"} title={`${exact(one.lag_ms)} ms`}>
        {formatSpan(one.lag_ms)}
      </td>
      <td>
        <Watermarks watermark={one.watermark} now={now} />
      </td>
      <td class="number" title={`Next record ${exact(one.next_offset)}, end of the log ${exact(one.end_offset)}`}>
        {exact(one.next_offset)}
      </td>
      <td
        class={isOverdue ? "number is-stale" : "number"}
        title={
          checkpoint === undefined
            ? "None yet"
            : `${exactTime(checkpoint.time)}, up to record ${exact(checkpoint.offset)}`
        }
      >
        {checkpoint === undefined ? NO_VALUE : formatAge(checkpoint.time, now)}
      </td>
      <td class="number" title={checkpoint === undefined ? undefined : `${exact(checkpoint.bytes)} bytes`}>
        {formatBytes(checkpoint?.bytes)}
      </td>
      <td class="number" title={exactTime(seenSince)}>
        {formatAge(seenSince, now)}
      </td>
    </tr>
  );
}

/** How far the watermark of each chain is behind the clock. */
function Watermarks({ watermark, now }: { readonly watermark: Partition["watermark"]; readonly now: number }) {
  const chains = Object.entries(watermark).sort(([a], [b]) => Number(a) - Number(b));
  if (chains.length === 0) return <>{NO_VALUE}</>;
  return (
    <ul class="ops-chains">
      {chains.map(([chain, timeMs]) => (
        <li key={chain} title={`Chain ${chain}: ${exactTime(timeMs)}. Swaps with an earlier time are late.`}>
          <span>{chain}:</span> {formatAge(timeMs, now)}
        </li>
      ))}
    </ul>
  );
}
