/** "How do I know" of a past instant: what the figures stand on, and a proof of them. */
import type { Client, PastStats } from "@swapstats/client";
import { exactTime, formatDay } from "../format/times.ts";
import { instantText } from "../past/instant.ts";
import { Panel } from "../ui/parts.tsx";
import { AuditProof } from "./audit-proof.tsx";
import { Awaited } from "./awaited.tsx";
import { windowsInOrder } from "./comparison.ts";
import type { Statement } from "./evidence.ts";
import { Line } from "./evidence-panel.tsx";

const SKELETON_ROWS = 4;

type PanelProps = {
  readonly client: Client;
  readonly data: PastStats | undefined;
  readonly atMs: number;
  readonly window: string;
};

export function PastEvidence({ client, data, atMs, window }: PanelProps) {
  if (data === undefined) {
    return (
      <Panel title="How do I know" class="evidence">
        <Awaited isPending={false} rows={SKELETON_ROWS} label="Loading what the figures stand on" />
      </Panel>
    );
  }
  const at = instantText(atMs);
  return (
    <Panel title="How do I know" class="evidence of-past">
      <dl class="statements">
        {pastStatements(data).map((statement) => (
          <Line key={statement.id} {...statement} />
        ))}
      </dl>
      <AuditProof client={client} id={data.id} window={window} windows={windowsInOrder(data.windows)} at={at} />
      <div class="proof">
        <a
          href={`api/tokens/${encodeURIComponent(data.id)}/stats?at=${encodeURIComponent(at)}`}
          target="_blank"
          rel="noreferrer"
        >
          Open the answer
        </a>
      </div>
    </Panel>
  );
}

function pastStatements({ as_of: asOf, history_complete: isComplete }: PastStats): readonly Statement[] {
  return [
    {
      id: "as-of",
      label: "As of",
      value: formatDay(asOf),
      detail: "Every figure is computed for this instant, with all swaps of then that count today.",
      title: exactTime(asOf),
      tone: "good",
    },
    {
      id: "source",
      label: "Source",
      value: "history",
      detail: "Each swap is kept once, as it counted when nothing could change it any more.",
      title: "",
      tone: "plain",
    },
    isComplete
      ? {
          id: "complete",
          label: "Complete",
          value: "all windows",
          detail: "The history has every swap of these figures.",
          title: "history_complete: true",
          tone: "good",
        }
      : {
          id: "complete",
          label: "Complete",
          value: "no",
          detail: "The history begins later than these figures, or has a gap in them. Swaps may be missing.",
          title: "history_complete: false",
          tone: "warn",
        },
  ];
}
