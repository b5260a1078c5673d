/** The verdict in one line, and the findings with what to do. */
import { Icon } from "../ui/icons.tsx";
import { type Finding, partitionsText, verdictOf } from "./findings.ts";

export function Verdict({ findings }: { readonly findings: readonly Finding[] }) {
  const { tone, text } = verdictOf(findings);
  return (
    <p class={`ops-verdict ${tone}`} role="status">
      <span class="ops-dot" />
      {text}
    </p>
  );
}

const WORDS = { bad: "Act", warn: "Look", note: "Note" };

export function Findings({ findings }: { readonly findings: readonly Finding[] }) {
  return (
    <section class="panel ops-findings" aria-label="Problems">
      <ul>
        {findings.map((finding) => (
          <li key={finding.key} class={`ops-finding ${finding.severity}`}>
            <span class="ops-finding-mark">
              <Icon name={finding.severity === "note" ? "info" : "warning"} />
              <span>{WORDS[finding.severity]}</span>
            </span>
            <div>
              <p>{sentenceOf(finding)}</p>
              {finding.advice !== "" && <p class="ops-advice">{finding.advice}</p>}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** A sentence of the service is whole by itself; one of this page continues the name of the partitions. */
function sentenceOf({ what, partitions, key }: Finding): string {
  const subject = partitionsText(partitions);
  if (subject === "") return what;
  if (!key.startsWith("partition:")) return `${subject} ${plural(what, partitions.length)}`;
  return new RegExp(`\\bpartition ${partitions[0]}\\b`, "i").test(what) ? what : `${subject}: ${what}`;
}

/** The sentences of findings.ts begin with these words. */
function plural(what: string, count: number): string {
  if (count === 1) return what;
  return what.replace(/^is /, "are ").replace(/^has /, "have ").replace("its state", "their state");
}
