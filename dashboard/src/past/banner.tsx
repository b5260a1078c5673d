/** Says that a page shows the past, and leads back. */
import { exactTime, formatAge, formatDay } from "../format/times.ts";
import { Button } from "../ui/controls.tsx";
import { Badge } from "../ui/parts.tsx";
import { useNow } from "../ui/use-store.ts";

const STEP_MS = 3_600_000;

type BannerProps = {
  readonly atMs: number;
  /** Whether the history has all swaps of what is shown. Undefined: not known yet. */
  readonly isComplete: boolean | undefined;
  readonly onChoose: (atMs: number | undefined) => void;
};

export function PastBanner({ atMs, isComplete, onChoose }: BannerProps) {
  const nowMs = useNow();
  const later = atMs + STEP_MS;
  return (
    <section class="past-banner" aria-label="The past">
      <p role="status">
        <strong>The past</strong>
        <span class="past-time" title={exactTime(atMs)}>
          {formatDay(atMs)}
        </span>
        <span class="past-age">{formatAge(atMs, nowMs)} ago</span>
        {isComplete === false && (
          <Badge
            tone="warn"
            title="The history begins later than these figures, or has a gap in them. Swaps may be missing."
          >
            Incomplete
          </Badge>
        )}
      </p>
      <div class="past-steps">
        <Button label="1 h earlier" kind="quiet" onClick={() => onChoose(atMs - STEP_MS)} />
        <Button label="1 h later" kind="quiet" disabled={later > nowMs} onClick={() => onChoose(later)} />
        <Button label="Back to live" onClick={() => onChoose(undefined)} />
      </div>
    </section>
  );
}

/** Says why the address shows the present after all. */
export function AddressProblem({ problem }: { readonly problem: string | undefined }) {
  if (problem === undefined) return null;
  return (
    <div class="address-problems" role="alert">
      <p>{problem} The present is shown.</p>
    </div>
  );
}
