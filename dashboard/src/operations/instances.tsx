/** Instances, and the circuits of each to the servers that it depends on. */
import type { Status } from "@swapstats/client";
import { NO_VALUE } from "../format/figures.ts";
import { exactTime, formatAge } from "../format/times.ts";
import { Badge, Panel, type Tone } from "../ui/parts.tsx";
import { scrollable } from "../ui/scrollable.ts";
import { rangesOf } from "./short-forms.ts";

type Circuit = NonNullable<Status["circuits"]>[number];
type Instance = NonNullable<Status["instances"]>[number];

const STATES: Readonly<Record<Instance["state"], readonly [string, Tone]>> = {
  self: ["this one", "accent"],
  live: ["live", "up"],
  refused: ["refused", "down"],
};
const CIRCUITS: Readonly<Record<Circuit["state"], readonly [string, Tone, string]>> = {
  closed: ["works", "up", "Calls go through."],
  half_open: ["being tried", "warn", "One call is tried; the others fail at once until it succeeds."],
  open: ["away", "down", "Three calls in a row failed. Calls fail at once for a moment, then one is tried."],
};

export function Instances({ status, now }: { readonly status: Status; readonly now: number }) {
  const { instance, version, partitions, circuits = [] } = status;
  // One process without others has no list.
  const own: Instance = { instance, version, state: "self", partitions: partitions.map((one) => one.partition) };
  const instances = status.instances ?? [own];
  return (
    <Panel title="Instances" aside={String(instances.length)}>
      <div class="ops-scroll" {...scrollable("Table of instances")}>
        <table class="ops-table">
          <thead>
            <tr>
              <th scope="col">Instance</th>
              <th scope="col">State</th>
              <th scope="col">Version</th>
              <th scope="col">Partitions</th>
              <th scope="col">Circuits</th>
            </tr>
          </thead>
          <tbody>
            {instances.map((one) => (
              <tr key={one.instance}>
                <th scope="row" class="ops-name">
                  {one.instance}
                </th>
                <td>
                  <Badge tone={STATES[one.state][1]}>{STATES[one.state][0]}</Badge>
                </td>
                <td>{one.version}</td>
                <td title={one.partitions.join(", ")}>{rangesOf(one.partitions)}</td>
                <td>
                  <Circuits circuits={circuits.filter((circuit) => circuit.instance === one.instance)} now={now} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function Circuits({ circuits, now }: { readonly circuits: readonly Circuit[]; readonly now: number }) {
  if (circuits.length === 0)
    return <span title="It depends on no other server, or none is known here">{NO_VALUE}</span>;
  return (
    <ul class="ops-circuits">
      {circuits.map(({ dependency, state, since }) => {
        const [word, tone, meaning] = CIRCUITS[state];
        return (
          <li key={dependency} title={`${meaning}${since === undefined ? "" : ` Since ${exactTime(since)}.`}`}>
            <span class="mono">{dependency}</span> <Badge tone={tone}>{word}</Badge>
            {since !== undefined && <span class="ops-aside"> {formatAge(since, now)}</span>}
          </li>
        );
      })}
    </ul>
  );
}
