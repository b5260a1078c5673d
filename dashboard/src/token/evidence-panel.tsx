/** "How do I know": what the figures stand on, and two proofs of them. */
import type { Client, LiveStore, StoreMeta, TokenData } from "@swapstats/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { exact } from "../format/figures.ts";
import { exactTime, formatAge } from "../format/times.ts";
import { Button } from "../ui/controls.tsx";
import { Panel } from "../ui/parts.tsx";
import { AuditProof } from "./audit-proof.tsx";
import { Awaited } from "./awaited.tsx";
import { windowsInOrder } from "./comparison.ts";
import { countersOf, type Statement, statementsOf } from "./evidence.ts";
import { checkOverHttp, type HttpCheck } from "./http-check.ts";
import { useChecksum } from "./use-evidence.ts";

const SKELETON_ROWS = 7;

type PanelProps = {
  readonly client: Client;
  readonly token: LiveStore<TokenData> | undefined;
  readonly data: TokenData | undefined;
  readonly isPending: boolean;
  readonly meta: StoreMeta | undefined;
  readonly seenSinceMs: number | undefined;
  readonly nowMs: number;
  /** The chosen window. */
  readonly window: string;
};

export function EvidencePanel({ client, token, data, isPending, meta, seenSinceMs, nowMs, window }: PanelProps) {
  const checksum = useChecksum(client, meta?.channel);
  if (data === undefined || meta === undefined || token === undefined) {
    return (
      <Panel title="How do I know" class="evidence">
        <Awaited isPending={isPending} rows={SKELETON_ROWS} label="Loading what the figures stand on" />
      </Panel>
    );
  }
  return (
    <Panel title="How do I know" class="evidence">
      <dl class="statements">
        {statementsOf(data, meta, seenSinceMs).map((statement) => (
          <Line key={statement.id} {...statement} />
        ))}
        <Line {...checksumStatement(checksum, nowMs)} />
      </dl>
      <Counters data={data} />
      <AuditProof client={client} id={data.id} window={window} windows={windowsInOrder(data.windows)} at={undefined} />
      <HttpProof client={client} token={token} id={data.id} />
    </Panel>
  );
}

export function Line({ id, label, value, detail, title, tone }: Statement) {
  return (
    <div class={`statement ${tone}`} data-statement={id}>
      <dt>{label}</dt>
      <dd title={title}>{value}</dd>
      <dd class="statement-detail">{detail}</dd>
    </div>
  );
}

function checksumStatement(checked: ReturnType<typeof useChecksum>, nowMs: number): Statement {
  const base = { id: "checksum", label: "Checksum" };
  if (checked === undefined) {
    return { ...base, value: "awaited", detail: "The service sends one every 10 s.", title: "", tone: "plain" };
  }
  const title = `CRC-32 of revision ${exact(checked.rev)}, ${exactTime(checked.atMs)}`;
  if (!checked.matched) {
    return { ...base, value: "differed", detail: "The data was loaded again.", title, tone: "warn" };
  }
  const detail = `This page held what the service holds, ${formatAge(checked.atMs, nowMs)} ago.`;
  return { ...base, value: "verified", detail, title, tone: "good" };
}

function Counters({ data }: { readonly data: TokenData }) {
  return (
    <dl class="counters" aria-label="Counters since the token's first swap">
      {countersOf(data).map(({ id, label, value, title }) => (
        <div key={id} title={title} data-counter={id}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

type ProofProps = { readonly client: Client; readonly token: LiveStore<TokenData>; readonly id: string };

/** Asks HTTP for the same revision, and compares every figure. */
function HttpProof({ client, token, id }: ProofProps) {
  const [result, setResult] = useState<HttpCheck | "asking" | undefined>(undefined);
  const ended = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => ended.current?.abort(), []);
  const check = (): void => {
    const controller = new AbortController();
    ended.current = controller;
    setResult("asking");
    void checkOverHttp(client, token, controller.signal).then((told) => {
      if (!controller.signal.aborted) setResult(told);
    });
  };
  // Relative, so that a path prefix is kept.
  const address = `api/tokens/${encodeURIComponent(id)}/stats`;
  return (
    <div class="proof">
      <Button label="Compare with HTTP" onClick={check} disabled={result === "asking"} />
      <a href={address} target="_blank" rel="noreferrer">
        Open the answer
      </a>
      <p role="status" class={`proof-result ${typeof result === "object" ? result.kind : ""}`}>
        {result === undefined ? "Asks the HTTP API, and compares every figure at the same revision." : sayCheck(result)}
      </p>
    </div>
  );
}

function sayCheck(result: HttpCheck | "asking"): string {
  if (result === "asking") return "Asking…";
  switch (result.kind) {
    case "same":
      return `Same at revision ${exact(result.rev)}: all ${exact(result.figures)} figures agree.`;
    case "differs":
      return `Differs at revision ${exact(result.rev)}: ${result.path}. Please report it.`;
    case "moved":
      return "The token changes too fast: no answer had a revision that this page holds. Try again.";
    case "failed":
      return `No answer: ${result.message}`;
  }
}
