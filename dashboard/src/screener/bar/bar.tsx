/** The bar above the table: presets, search, filter and columns, and the parts of the present filter. */

import type { Client } from "@swapstats/client";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Button, Select } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { buildFilter } from "../filter/build.ts";
import { type DraftGroup, draftOf, replaceAt } from "../filter/draft.ts";
import { FilterEditor } from "../filter/editor.tsx";
import { wordsOf } from "../filter/words.ts";
import {
  type AddressChanges,
  columnChanges,
  limitChanges,
  presetChanges,
  queryChanges,
  rowLimits,
  type ScreenerState,
  searchChanges,
} from "../model/address.ts";
import { columnsFor, DEFAULT_COLUMNS } from "../model/columns.ts";
import { presets } from "../model/presets.ts";
import type { Filter } from "../model/query.ts";
import { ColumnChooser } from "./column-chooser.tsx";
import { Search } from "./search.tsx";
import type { SearchCall } from "./search-results.ts";

type BarProps = {
  readonly client: Client;
  readonly state: ScreenerState;
  readonly windows: readonly string[];
  readonly onChange: (changes: AddressChanges, options?: { readonly replace?: boolean }) => void;
  readonly asOf: ComponentChildren;
};

/** Results of a search, at most. */
const FOUND_MAX = 8;

export function Bar({ client, state, windows, onChange, asOf }: BarProps) {
  const [isEditing, setEditing] = useState(false);
  const { columns, limit, search, preset } = state;
  const call: SearchCall = (query, signal) => client.http.search({ query, limit: FOUND_MAX }, { signal });
  return (
    <>
      <div class="bar-line">
        <nav class="presets" aria-label="Presets">
          {presets.map((one) => (
            <button
              key={one.id}
              type="button"
              class="preset"
              ref={one === preset ? showWhole : null}
              aria-pressed={one === preset}
              title={one.hint}
              onClick={() => onChange(presetChanges(one))}
            >
              {one.label}
            </button>
          ))}
        </nav>
        <div class="bar-tools">
          <Search text={search} search={call} onText={(text) => onChange(searchChanges(text), { replace: true })} />
          <Button
            label="Filter"
            icon="filter"
            kind="quiet"
            pressed={isEditing}
            expanded={isEditing}
            onClick={() => setEditing(!isEditing)}
          />
          <ColumnChooser
            columns={columns}
            windows={windows}
            onColumns={(chosen) => onChange(columnChanges(chosen, windows), { replace: true })}
            onReset={() => onChange(columnChanges(columnsFor(DEFAULT_COLUMNS, windows), windows), { replace: true })}
          />
          <Select
            label="Rows"
            labelHidden
            value={String(limit)}
            options={rowOptions(limit)}
            onChange={(value) => onChange(limitChanges(Number(value)))}
          />
          {asOf}
        </div>
      </div>
      <Filters {...{ state, windows, onChange, isEditing }} onEdit={() => setEditing(true)} />
    </>
  );
}

/** Scrolls the chosen preset into view within its line. */
const showWhole = (element: HTMLElement | null): void => {
  element?.scrollIntoView({ block: "nearest", inline: "nearest" });
};

const rowOptions = (limit: number) =>
  [...new Set([...rowLimits, limit])]
    .sort((a, b) => a - b)
    .map((count) => ({ value: String(count), label: `${count} rows` }));

type FiltersProps = Pick<BarProps, "state" | "windows" | "onChange"> & {
  readonly isEditing: boolean;
  readonly onEdit: () => void;
};

/** The parts of the filter as short texts, and the editor below them. */
function Filters({ state: { filter, sort }, windows, onChange, isEditing, onEdit }: FiltersProps) {
  const [typed, setTyped] = useState<{ draft: DraftGroup; filter: Filter | undefined } | undefined>(undefined);
  // A filter from elsewhere, such as a preset or the browser's history, replaces what was typed.
  const isTyped = typed !== undefined && JSON.stringify(typed.filter) === JSON.stringify(filter);
  const draft = isTyped ? typed.draft : draftOf(filter);
  const { errors } = buildFilter(draft, windows, Date.now());
  const change = (next: DraftGroup): void => {
    const built = buildFilter(next, windows, Date.now());
    const isSound = built.errors.length === 0;
    setTyped({ draft: next, filter: isSound ? built.filter : filter });
    const isChanged = isSound && JSON.stringify(built.filter) !== JSON.stringify(filter);
    if (isChanged) onChange(queryChanges(built.filter, sort), { replace: true });
  };
  if (draft.parts.length === 0 && !isEditing) return null;
  const isOne = draft.match === "all" || draft.parts.length === 1;
  const chips =
    draft.match === "all" ? draft.parts.map(wordsOf) : isOne || draft.parts.length > 0 ? [wordsOf(draft)] : [];
  return (
    <>
      {chips.length > 0 && (
        <ul class="filter-parts" aria-label="Filter in words">
          {chips.map((words, at) => (
            <li key={`${at}${words}`} class="filter-part">
              <button type="button" class="chip-words" onClick={onEdit} title="Press to edit the filter">
                {words}
              </button>
              <button
                type="button"
                class="chip-remove"
                aria-label={`Remove ${words}`}
                onClick={() => change(draft.match === "all" ? replaceAt(draft, [at], undefined) : draftOf(undefined))}
              >
                <Icon name="close" size={12} />
              </button>
            </li>
          ))}
          {chips.length > 1 && (
            <li>
              <button type="button" class="chip-clear" onClick={() => change(draftOf(undefined))}>
                Clear all
              </button>
            </li>
          )}
        </ul>
      )}
      {isEditing && <FilterEditor draft={draft} windows={windows} errors={errors} onDraft={change} />}
    </>
  );
}
