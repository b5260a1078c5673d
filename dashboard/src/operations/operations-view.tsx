/** The state of the service for those who run it. With security, for the scope `admin` alone. */
import type { Client, Status } from "@swapstats/client";
import { exactTime, formatAge, formatClock, formatSpan } from "../format/times.ts";
import { Button } from "../ui/controls.tsx";
import { Badge, Panel, Skeleton } from "../ui/parts.tsx";
import { Problem } from "../ui/problem.tsx";

import type { Route } from "../ui/route.ts";
import { useNow } from "../ui/use-store.ts";
import { DeadLetters } from "./dead-letters.tsx";
import { Feeders } from "./feeders.tsx";
import { findingsOf } from "./findings.ts";
import { Findings, Verdict } from "./findings-list.tsx";
import { History } from "./history.tsx";
import { Instances } from "./instances.tsx";
import { Partitions } from "./partitions.tsx";
import type { Polled } from "./poller.ts";
import { RateCharts } from "./rate-charts.tsx";
import { useStatus } from "./use-polled.ts";
import "./operations.css";
import "./tables.css";
import "./letters.css";
import "./narrow.css";

type ViewProps = { readonly client: Client; readonly route: Route };

/** Panels that stand before the first answer, about as high as with it, so that what is below does not move. */
const LOADING = [
  { title: "Partitions", rows: 4, label: "Loading partitions" },
  { title: "History", rows: 2, label: "Loading the state of the history" },
  { title: "Instances", rows: 3, label: "Loading instances" },
] as const;

export function OperationsView({ client, route }: ViewProps) {
  const { polled, samples, askNow } = useStatus(client);
  const now = useNow();
  const { value: status, error, atMs } = polled;
  if (status === undefined && error !== undefined) return <Unavailable error={error} onRetry={askNow} />;
  // The clock of the page may differ from the service's: ages are taken on the clock of the service.
  const serverNow = status?.time === undefined || atMs === undefined ? now : status.time + Math.max(0, now - atMs);
  const findings = status === undefined ? [] : findingsOf(status, status.time ?? now);
  return (
    <div class="operations" data-state={status === undefined ? "loading" : error === undefined ? "live" : "stale"}>
      <header class="ops-head">
        <h1>Operations</h1>
        {status !== undefined && <Verdict findings={findings} />}
        <Standing polled={polled} now={now} onRetry={askNow} />
      </header>
      <Summary status={status} />
      {findings.length > 0 && <Findings findings={findings} />}
      <RateCharts samples={samples} status={status} now={now} />
      {status === undefined ? (
        LOADING.map(({ title, rows, label }) => (
          <Panel key={title} title={title}>
            <div class="ops-pad">
              <Skeleton rows={rows} label={label} />
            </div>
          </Panel>
        ))
      ) : (
        <>
          <Partitions status={status} now={serverNow} />
          <History history={status.history} />
          <div class="ops-columns">
            <Instances status={status} now={serverNow} />
            <Feeders feeders={status.feeders ?? []} now={serverNow} />
          </div>
        </>
      )}
      <DeadLetters
        client={client}
        route={route}
        counts={status === undefined ? undefined : countsOf(status)}
        now={serverNow}
      />
    </div>
  );
}

/** Swaps too far in the future are dead letters too; the service counts them by themselves. */
function countsOf({ counters: { dead_letters, quarantined } }: Status): Readonly<Record<string, number>> {
  return quarantined === 0 ? dead_letters : { ...dead_letters, quarantined };
}

/** There is nothing to show: why, and what to do. */
function Unavailable({
  error,
  onRetry,
}: {
  readonly error: { readonly code: string; readonly message: string };
  readonly onRetry: () => void;
}) {
  if (error.code === "forbidden") {
    const message = "The operations of the service need the scope admin, which the token in use does not have.";
    return <Problem error={{ ...error, message }} />;
  }
  if (error.code === "unauthorized") return <Problem error={error} />;
  return <Problem error={error} action={<Button label="Try now" onClick={onRetry} />} />;
}

/** Which instance said it, and how old it is. */
function Standing({
  polled: { value, atMs, error, nextAtMs },
  now,
  onRetry,
}: {
  readonly polled: Polled<Status>;
  readonly now: number;
  readonly onRetry: () => void;
}) {
  if (value === undefined) return null;
  return (
    <p class="ops-standing">
      {error === undefined ? (
        <span title={exactTime(atMs)}>{formatClock(atMs)}</span>
      ) : (
        <>
          <span role="status">
            <Badge tone="warn" title={error.message}>
              Stale for {formatAge(atMs, now)}
            </Badge>{" "}
            <span class="ops-why">{error.message}</span>
          </span>
          <Button label={nextAtMs === undefined ? "Trying…" : "Try now"} kind="quiet" onClick={onRetry} />
        </>
      )}
    </p>
  );
}

function Summary({ status }: { readonly status: Status | undefined }) {
  const running = status?.partitions.filter(({ state }) => state === "running").length;
  const lag = status?.partitions.reduce((most, { lag_ms }) => Math.max(most, lag_ms), 0);
  const facts: readonly (readonly [label: string, value: string, title?: string])[] = [
    ["Instance", status?.instance ?? "–"],
    ["Version", status?.version ?? "–"],
    ["Running for", formatSpan(status?.uptime_ms)],
    ["Partitions up", status === undefined ? "–" : `${running} of ${status.partitions.length}`],
    ["Largest lag", formatSpan(lag), "Age of the oldest stored record that is not yet in the figures"],
    ["Tokens", status?.tokens.toLocaleString("en-US") ?? "–", "Known tokens, including retired ones"],
  ];
  return (
    <dl class="ops-summary">
      {facts.map(([label, value, title]) => (
        <div key={label} title={title}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
