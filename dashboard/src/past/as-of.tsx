/** The choice of an instant of the past: a button that opens a small panel. */
import { useEffect, useState } from "preact/hooks";
import { exactTime } from "../format/times.ts";
import { Button, Popover, useId } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { fieldText, instantOfField } from "./instant.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const CHOICES = [
  ["1 hour ago", HOUR_MS],
  ["Yesterday", DAY_MS],
  ["A week ago", 7 * DAY_MS],
  ["30 days ago", 30 * DAY_MS],
] as const;

type AsOfProps = {
  /** Undefined: the present is shown. */
  readonly atMs: number | undefined;
  /** Undefined goes back to the present. */
  readonly onChoose: (atMs: number | undefined) => void;
};

export function AsOfControl({ atMs, onChoose }: AsOfProps) {
  const [typed, setTyped] = useState("");
  const id = useId("as-of");
  const begin = atMs ?? Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  useEffect(() => setTyped(fieldText(begin)), [atMs]);
  const chosen = instantOfField(typed);
  const isFuture = chosen !== undefined && chosen > Date.now();
  const note = isFuture
    ? "This lies in the future."
    : chosen === undefined
      ? "Give date and time."
      : exactTime(chosen).replace(".000", "");
  return (
    <Popover
      align="end"
      button={
        <span
          class={atMs === undefined ? "as-of-button" : "as-of-button is-past"}
          title="Show the page as of a past instant"
        >
          <Icon name="clock" />
          <span>As of</span>
        </span>
      }
    >
      <form
        class="as-of"
        onSubmit={(event) => {
          event.preventDefault();
          if (chosen === undefined || isFuture) return;
          onChoose(chosen);
          closePanelOf(event.currentTarget);
        }}
      >
        <label for={id} class="label">
          Show everything as of
        </label>
        <span class="input">
          <input
            id={id}
            type="datetime-local"
            step="1"
            value={typed}
            aria-describedby={`${id}-note`}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </span>
        <p id={`${id}-note`} class={isFuture ? "as-of-note is-wrong" : "as-of-note"}>
          {note}
        </p>
        <div class="as-of-choices">
          {CHOICES.map(([label, agoMs]) => (
            <Button key={label} label={label} onClick={() => setTyped(fieldText(Date.now() - agoMs))} />
          ))}
        </div>
        <div class="as-of-end">
          {atMs !== undefined && <Button label="Back to live" kind="quiet" onClick={() => onChoose(undefined)} />}
          <button type="submit" class="button primary" disabled={chosen === undefined || isFuture}>
            <span>Show</span>
          </button>
        </div>
      </form>
    </Popover>
  );
}

function closePanelOf(form: HTMLFormElement): void {
  const details = form.closest("details");
  details?.removeAttribute("open");
  details?.querySelector("summary")?.focus();
}
