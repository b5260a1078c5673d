/** The newest records that were not applied, with the reason and their own bytes. */
import type { Client, DeadLetter } from "@swapstats/client";
import { useEffect, useState } from "preact/hooks";
import { exact, formatCount } from "../format/figures.ts";
import { exactTime, formatAge } from "../format/times.ts";
import { Select } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { Badge, Empty, Panel, Skeleton } from "../ui/parts.tsx";
import type { Route } from "../ui/route.ts";
import { LetterDetail, SafeText } from "./letter-detail.tsx";
import { usePolled } from "./use-polled.ts";

const LETTERS_MAX = 200;
const EVERY_MS = 10_000;

type Counts = Readonly<Record<string, number>>;

export function DeadLetters({
  client,
  route,
  counts,
  now,
}: {
  readonly client: Client;
  readonly route: Route;
  /** By code, since the beginning of the state. Undefined: not yet known. */
  readonly counts: Counts | undefined;
  readonly now: number;
}) {
  const { polled, askNow } = usePolled(client, EVERY_MS, (http, signal) =>
    http.deadLetters({ limit: LETTERS_MAX }, { signal }),
  );
  const total = counts === undefined ? undefined : Object.values(counts).reduce((sum, count) => sum + count, 0);
  // A new one is listed at once.
  useEffect(() => {
    if (total !== undefined && polled.value !== undefined) askNow();
  }, [total]);
  const code = route.params.get("code") ?? "";
  const { value, error } = polled;
  const letters = value?.items.filter((letter) => code === "" || letter.code === code) ?? [];
  return (
    <Panel
      title="Dead letters"
      class="ops-letters"
      aside={
        <>
          {value?.stale && <Badge tone="warn">Incomplete: an instance is unreachable</Badge>}
          {error !== undefined && value !== undefined && (
            <Badge tone="warn" title={error.message}>
              Stale
            </Badge>
          )}
          <CodeFilter items={value?.items ?? []} counts={counts ?? {}} code={code} route={route} />
        </>
      }
    >
      {value === undefined ? (
        <div class="ops-pad">
          {error === undefined ? <Skeleton rows={3} label="Loading dead letters" /> : <p>{error.message}</p>}
        </div>
      ) : letters.length === 0 ? (
        <NoLetters code={code} total={total ?? 0} />
      ) : (
        <Letters letters={letters} now={now} />
      )}
    </Panel>
  );
}

function NoLetters({ code, total }: { readonly code: string; readonly total: number }) {
  if (code !== "") return <Empty title={`None of the newest ${LETTERS_MAX} has the code ${code}`} icon="check" />;
  return (
    <Empty title="No dead letters" icon="check">
      {total === 0
        ? "Every record so far follows the rules."
        : `${exact(total)} were counted; their records are no longer kept.`}
    </Empty>
  );
}

function CodeFilter({
  items,
  counts,
  code,
  route,
}: {
  readonly items: readonly DeadLetter[];
  readonly counts: Counts;
  readonly code: string;
  readonly route: Route;
}) {
  const codes = new Set([
    ...Object.keys(counts),
    ...items.map((letter) => letter.code),
    ...(code === "" ? [] : [code]),
  ]);
  const options = [...codes].sort().map((value) => {
    const count = counts[value];
    return { value, label: count === undefined ? value : `${value} (${formatCount(count)})` };
  });
  return (
    <Select
      label="Code"
      labelHidden
      value={code}
      options={[{ value: "", label: "All codes" }, ...options]}
      onChange={(chosen) => route.set({ code: chosen }, { replace: true })}
    />
  );
}

const keyOf = ({ partition, offset, feeder = "" }: DeadLetter): string => `${feeder}:${partition}:${offset}`;

function Letters({ letters, now }: { readonly letters: readonly DeadLetter[]; readonly now: number }) {
  const [open, setOpen] = useState<string | undefined>(undefined);
  return (
    <ul class="letters">
      {letters.map((letter) => {
        const key = keyOf(letter);
        const isOpen = key === open;
        return (
          <li key={key} class={isOpen ? "letter open" : "letter"}>
            <button
              type="button"
              class="letter-head"
              aria-expanded={isOpen}
              onClick={() => setOpen(isOpen ? undefined : key)}
            >
              <Icon name="chevron" size={12} />
              <span class="letter-age" title={exactTime(letter.arrival)}>
                {formatAge(letter.arrival, now)}
              </span>
              <span class="letter-code mono">{letter.code}</span>
              <span class="letter-message">
                <SafeText text={letter.message} />
              </span>
              <span class="letter-place">{placeOf(letter)}</span>
            </button>
            {isOpen && <LetterDetail letter={letter} />}
          </li>
        );
      })}
    </ul>
  );
}

const placeOf = ({ feeder, partition, offset }: DeadLetter): string =>
  feeder === undefined ? `p${partition} · ${exact(offset)}` : `${feeder} · ${exact(offset)}`;
