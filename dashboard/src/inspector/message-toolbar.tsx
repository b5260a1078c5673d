/** Pause, clear, and the filter of the messages. */
import { useState } from "preact/hooks";
import { exact } from "../format/figures.ts";
import { Button, Field, Select } from "../ui/controls.tsx";
import { type Filter, isFiltered, MESSAGES_MAX, NO_FILTER } from "./message-log.ts";
import { escapeUnseen } from "./unseen.ts";
import type { Inspected } from "./use-messages.ts";

const DIRECTIONS = [
  { value: "all", label: "In and out" },
  { value: "in", label: "In" },
  { value: "out", label: "Out" },
] as const;

type Props = {
  readonly inspected: Inspected;
  readonly filter: Filter;
  readonly onFilter: (filter: Filter) => void;
  /** Number of messages that the filter leaves. */
  readonly shown: number;
};

export function MessageToolbar({ inspected, filter, onFilter, shown }: Props) {
  const { messages, isPaused, heldBack, pause, clear } = inspected;
  // Kinds stay in the list when their last message is no longer kept.
  const [seen] = useState(() => new Set<string>(["snapshot", "patch"]));
  for (const { kind } of messages) seen.add(kind);
  const kinds = [...seen].sort().map((value) => ({ value, label: value }));
  return (
    <div class="stream-tools" role="toolbar" aria-label="Messages">
      <Button
        label={isPaused ? (heldBack > 0 ? `Go on, ${exact(heldBack)} new` : "Go on") : "Pause"}
        icon={isPaused ? "play" : "pause"}
        pressed={isPaused}
        onClick={() => pause(!isPaused)}
      />
      <Button label="Clear" icon="close" onClick={clear} />
      <Select
        label="Direction"
        labelHidden
        value={filter.direction}
        options={DIRECTIONS}
        onChange={(direction) => onFilter({ ...filter, direction })}
      />
      <Select
        label="Kind"
        labelHidden
        value={filter.kind}
        options={[{ value: "", label: "All kinds" }, ...kinds]}
        onChange={(kind) => onFilter({ ...filter, kind })}
      />
      <Field
        label="Text in messages"
        labelHidden
        icon="search"
        type="search"
        placeholder="Text in messages"
        value={filter.text}
        onInput={(text) => onFilter({ ...filter, text })}
      />
      {filter.channel !== "" && (
        <button type="button" class="stream-channel mono" onClick={() => onFilter({ ...filter, channel: "" })}>
          {escapeUnseen(filter.channel)} <span aria-hidden="true">×</span>
          <span class="unseen">, show all channels</span>
        </button>
      )}
      {isFiltered(filter) && <Button label="Clear filters" kind="quiet" onClick={() => onFilter(NO_FILTER)} />}
      <span class="stream-count" title={`The newest ${exact(MESSAGES_MAX)} messages are kept`}>
        {isFiltered(filter) ? `${exact(shown)} of ${exact(messages.length)}` : exact(messages.length)}
      </span>
    </div>
  );
}
