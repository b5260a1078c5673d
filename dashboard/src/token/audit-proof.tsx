/** The audit of the chosen window. The service recomputes its figures from every swap, with separate code, and compares both. */
import type { Audit, Client, ClientError } from "@swapstats/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { exact, NO_VALUE } from "../format/figures.ts";
import { exactTime, formatDay } from "../format/times.ts";
import { Button } from "../ui/controls.tsx";
import { scrollable } from "../ui/scrollable.ts";
import { auditRows, verdictOf } from "./audit.ts";
import { windowMsOf } from "./comparison.ts";

/** A window may have millions of swaps. */
const TIMEOUT_MS = 120_000;

type Result =
  | { readonly kind: "idle" }
  | { readonly kind: "running"; readonly cancel: () => void }
  | { readonly kind: "done"; readonly audit: Audit }
  | { readonly kind: "failed"; readonly error: ClientError };

type ProofProps = {
  readonly client: Client;
  readonly id: string;
  readonly window: string;
  /** The windows of the page. */
  readonly windows: readonly string[];
  /** The past instant as the service takes it. Undefined: now. */
  readonly at: string | undefined;
};

export function AuditProof({ client, id, window, windows, at }: ProofProps) {
  const [result, setResult] = useState<Result>({ kind: "idle" });
  const ended = useRef<AbortController | undefined>(undefined);
  const cancel = (): void => {
    ended.current?.abort();
    setResult({ kind: "idle" });
  };
  // What was found out about another window, instant or token says nothing here.
  useEffect(() => {
    setResult({ kind: "idle" });
    return () => ended.current?.abort();
  }, [id, window, at]);
  const run = (name: string): void => {
    const controller = new AbortController();
    ended.current = controller;
    setResult({ kind: "running", cancel });
    client.http
      .audit(id, at === undefined ? { window: name } : { window: name, at }, {
        signal: controller.signal,
        timeoutMs: TIMEOUT_MS,
      })
      .then(
        (audit) => setResult({ kind: "done", audit }),
        (error: ClientError) => {
          if (!controller.signal.aborted) setResult({ kind: "failed", error });
        },
      );
  };
  return (
    <div class="proof audit" data-audit={stateOf(result)}>
      <Button label={`Audit ${window}`} onClick={() => run(window)} disabled={result.kind === "running"} />
      {result.kind === "running" && <Button label="Cancel" kind="quiet" onClick={result.cancel} />}
      <Told result={result} window={window} />
      {result.kind === "failed" && <WayOn {...{ error: result.error, window, windows, run }} />}
      {result.kind === "done" && <Compared audit={result.audit} />}
    </div>
  );
}

function stateOf(result: Result): string {
  if (result.kind !== "done") return result.kind;
  return result.audit.differences.length === 0 ? "same" : "differs";
}

function Told({ result, window }: { readonly result: Result; readonly window: string }) {
  return (
    <p role="status" class={`proof-result ${stateOf(result)}`}>
      {result.kind === "idle" && `The service adds up every swap of ${window} again, by another way, and compares.`}
      {result.kind === "running" && "Adding up the swaps…"}
      {result.kind === "done" && verdictOf(result.audit)}
      {result.kind === "failed" && sayFailure(result.error)}
    </p>
  );
}

function sayFailure({ code, message }: ClientError): string {
  return code === "history_off" ? `The audit needs a history. ${message}` : `No audit: ${message}`;
}

type WayProps = {
  readonly error: ClientError;
  readonly window: string;
  readonly windows: readonly string[];
  readonly run: (window: string) => void;
};

/** What helps after a failure: a shorter window where there were too many swaps, else another try. */
function WayOn({ error, window, windows, run }: WayProps) {
  if (error.code === "history_off" || error.code === "forbidden" || error.code === "unauthorized") return null;
  if (error.code !== "invalid_parameters") return <Button label="Try again" kind="quiet" onClick={() => run(window)} />;
  const shorter = windows.filter((name) => windowMsOf(name) < windowMsOf(window)).at(-1);
  return shorter === undefined ? null : <Button label={`Audit ${shorter}`} kind="quiet" onClick={() => run(shorter)} />;
}

function Compared({ audit }: { readonly audit: Audit }) {
  const { from, to, differences, history_complete: isComplete } = audit;
  const span = `${exactTime(from)} to ${exactTime(to)}`;
  return (
    <>
      {!isComplete && (
        <p class="audit-gap">The history has not all swaps of this span: figures may differ without an error.</p>
      )}
      <p class="audit-span" title={span}>
        {formatDay(from)} to {formatDay(to)}
      </p>
      <details class="audit-figures" open={differences.length > 0}>
        <summary>
          {differences.length > 0 ? "The figures that differ, and all others" : "All figures beside each other"}
        </summary>
        <div class="audit-scroll" {...scrollable("Served and recomputed figures")}>
          <table>
            <thead>
              <tr>
                <th scope="col">Figure</th>
                <th scope="col">Served</th>
                <th scope="col">Recomputed</th>
              </tr>
            </thead>
            <tbody>
              {auditRows(audit).map(({ name, served, recomputed, isDifferent }) => (
                <tr key={name} class={isDifferent ? "differs" : ""}>
                  <th scope="row">{name}</th>
                  <td>{told(name, served)}</td>
                  <td>{told(name, recomputed)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </>
  );
}

/** Values are exact decimals as the service writes them, and times in ms. */
function told(name: string, value: string | undefined): string {
  if (value === undefined) return NO_VALUE;
  return name.endsWith("_time") ? exactTime(Number(value)) : exact(value);
}
