/** How the page is connected: a word, the lag and the revision, and more on request. */

import type { Client, ClientStatus, StoreMeta } from "@swapstats/client";
import { useEffect, useState } from "preact/hooks";
import { exact } from "../format/figures.ts";
import { exactTime, formatAge, formatSpan } from "../format/times.ts";
import { Popover } from "../ui/controls.tsx";
import { useNow } from "../ui/use-store.ts";

const WORDS: Readonly<Record<ClientStatus, string>> = {
  connecting: "Opening",
  live: "Live",
  stale: "Stale",
  offline: "Offline",
};
const MEANINGS: Readonly<Record<ClientStatus, string>> = {
  connecting: "The connection is being opened.",
  live: "Every figure on this page is up to date.",
  stale: "Some figures may be out of date. They are marked, and follow by themselves.",
  offline: "The service cannot be reached. The page shows what it last knew, and tries again by itself.",
};

function useStatus(client: Client): ClientStatus {
  const [status, setStatus] = useState<ClientStatus>(client.status);
  useEffect(() => {
    setStatus(client.status);
    return client.onStatus(setStatus);
  }, [client]);
  return status;
}

export function Connection({ client, meta }: { readonly client: Client; readonly meta: StoreMeta | undefined }) {
  const status = useStatus(client);
  const now = useNow();
  return (
    <Popover
      button={
        <span class={`connection ${status}`}>
          <span class="dot" />
          <span class="connection-word" role="status">
            <span class="unseen">Connection: </span>
            {WORDS[status]}
          </span>
          <span class="connection-figures">
            <span title="Lag of ingestion: age of the oldest record that is not yet counted">
              {formatSpan(meta?.lagMs)}
            </span>
            <span title="Revision of the market's sums">r{meta === undefined ? "–" : exact(meta.rev)}</span>
          </span>
        </span>
      }
    >
      <p class="popover-lead">{MEANINGS[status]}</p>
      <dl class="facts">
        <dt>Lag</dt>
        <dd>{formatSpan(meta?.lagMs)}</dd>
        <dt>As of</dt>
        <dd title={exactTime(meta?.asOf)}>
          {meta === undefined ? "–" : `${formatAge(meta.asOf, now)} ago`.replace("now ago", "now")}
        </dd>
        <dt>Watermark</dt>
        <dd title={exactTime(meta?.watermark)}>
          {meta?.watermark === undefined ? "–" : `${formatAge(meta.watermark, now)} ago`.replace("now ago", "now")}
        </dd>
        <dt>Revision</dt>
        <dd>{meta === undefined ? "–" : exact(meta.rev)}</dd>
        <dt>Epoch</dt>
        <dd class="mono">{meta?.epoch ?? "–"}</dd>
      </dl>
    </Popover>
  );
}
