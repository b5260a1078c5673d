/** What brings swaps from elsewhere, and how far each has come. */
import type { FeederStatus } from "@swapstats/client";
import { exact, formatBytes, formatCount, NO_VALUE } from "../format/figures.ts";
import { exactTime, formatAge } from "../format/times.ts";
import { Badge, Panel, type Tone } from "../ui/parts.tsx";
import { scrollable } from "../ui/scrollable.ts";

const TONES: Readonly<Record<FeederStatus["state"], Tone>> = {
  running: "up",
  retrying: "warn",
  failed: "down",
  ended: "neutral",
};

export function Feeders({ feeders, now }: { readonly feeders: readonly FeederStatus[]; readonly now: number }) {
  return (
    <Panel title="Feeders" aside={String(feeders.length)}>
      {feeders.length === 0 ? (
        <p class="ops-none">
          No feeder is configured. Swaps come by <code>POST /api/swaps</code>, or from a topic.
        </p>
      ) : (
        <div class="ops-scroll" {...scrollable("Table of feeders")}>
          <table class="ops-table">
            <thead>
              <tr>
                <th scope="col">Feeder</th>
                <th scope="col">State</th>
                <th scope="col" class="number">
                  Records
                </th>
                <th scope="col" class="number">
                  Swaps
                </th>
                <th scope="col" class="number">
                  Refused
                </th>
                <th scope="col" class="number">
                  Skipped
                </th>
                <th scope="col" class="number">
                  Behind
                </th>
                <th scope="col" class="number">
                  Last
                </th>
              </tr>
            </thead>
            <tbody>
              {feeders.map((feeder) => (
                <Row key={feeder.name} feeder={feeder} now={now} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Row({ feeder, now }: { readonly feeder: FeederStatus; readonly now: number }) {
  const { name, type, state, position, behind, last_record_ms: lastMs, problem } = feeder;
  return (
    <tr>
      <th scope="row" class="ops-name" title={position === undefined ? type : `${type}, at ${position}`}>
        {name} <span class="ops-aside">{type}</span>
      </th>
      <td>
        <Badge tone={TONES[state]} {...(problem === undefined ? {} : { title: problem })}>
          {state}
        </Badge>
      </td>
      {[feeder.records, feeder.swaps, feeder.rejected, feeder.skipped].map((count, i) => (
        <td key={i} class="number" title={exact(count)}>
          {formatCount(count)}
        </td>
      ))}
      <td class="number" title={behind === undefined ? "Not known" : `${exact(behind.count)} ${behind.unit}`}>
        {behind === undefined ? NO_VALUE : behindText(behind)}
      </td>
      <td class="number" title={exactTime(lastMs)}>
        {formatAge(lastMs, now)}
      </td>
    </tr>
  );
}

const behindText = ({ count, unit }: NonNullable<FeederStatus["behind"]>): string =>
  unit === "bytes" ? formatBytes(count) : `${formatCount(count)} ${unit}`;
