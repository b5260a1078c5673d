/** The form that opens a channel. */
import { candleIntervals, figures } from "@swapstats/client";
import { useState } from "preact/hooks";
import { Field, Select, Tabs, useId } from "../ui/controls.tsx";
import {
  CHANNEL_KINDS,
  type ChannelRequest,
  checkDraft,
  type Draft,
  type DraftProblems,
  EMPTY_DRAFT,
  KIND_RULES,
} from "./channel-request.ts";
import { CHANNELS_OPEN_MAX } from "./open-channels.ts";

const KINDS = CHANNEL_KINDS.map((value) => ({ value, label: value }));
const SORTS = Object.entries(figures)
  .filter(([, figure]) => figure.sorts)
  .map(([value]) => ({ value, label: value }));
const INTERVALS = Object.keys(candleIntervals).map((value) => ({ value, label: value }));

type Props = {
  /** Names of the windows of the service; empty until they are known. */
  readonly windows: readonly string[];
  /** No further channel may be opened. */
  readonly isFull: boolean;
  readonly onOpen: (request: ChannelRequest) => void;
};

export function SubscribeForm({ windows, isFull, onOpen }: Props) {
  const [draft, setDraft] = useState<Draft>(EMPTY_DRAFT);
  // Mistakes are told after the first try, and then as they are corrected.
  const [isTried, setIsTried] = useState(false);
  const checked = checkDraft(draft);
  const problems = isTried && "problems" in checked ? checked.problems : {};
  const set = (change: Partial<Draft>): void => setDraft({ ...draft, ...change });
  return (
    <form
      class="panel subscribe"
      aria-label="Open a channel"
      onSubmit={(event) => {
        event.preventDefault();
        setIsTried("problems" in checked);
        if ("request" in checked) onOpen(checked.request);
      }}
    >
      <Select label="Channel" value={draft.kind} options={KINDS} onChange={(kind) => set({ kind })} />
      <Members draft={draft} windows={windows} problems={problems} set={set} />
      <button type="submit" class="button primary" disabled={isFull}>
        <span>Open channel</span>
      </button>
      {isFull && (
        <p class="subscribe-note">At most {CHANNELS_OPEN_MAX} channels are open at a time. Close one first.</p>
      )}
    </form>
  );
}

type MembersProps = {
  readonly draft: Draft;
  readonly windows: readonly string[];
  readonly problems: DraftProblems;
  readonly set: (change: Partial<Draft>) => void;
};

function Members({ draft, windows, problems, set }: MembersProps) {
  const { members, limit } = KIND_RULES[draft.kind];
  const options = (windows.length === 0 ? [draft.window] : windows).map((value) => ({ value, label: value }));
  const [usual, max] = limit ?? [];
  return (
    <>
      {members.includes("token") && (
        <Field
          label="Token"
          value={draft.token}
          placeholder="WETH or 1:0xc02a…"
          problem={problems.token}
          onInput={(token) => set({ token })}
        />
      )}
      {members.includes("sort") && (
        <div class="subscribe-pair">
          <Select label="Ranked by" value={draft.sort} options={SORTS} onChange={(sort) => set({ sort })} />
          <Select label="Window" value={draft.window} options={options} onChange={(window) => set({ window })} />
        </div>
      )}
      {members.includes("interval") && (
        <Select
          label="Interval"
          value={draft.interval}
          options={INTERVALS}
          onChange={(interval) => set({ interval })}
        />
      )}
      {members.includes("query") && <QueryField draft={draft} problem={problems.query} set={set} />}
      {members.includes("windows") && windows.length > 0 && <Windows draft={draft} windows={windows} set={set} />}
      {members.includes("fields") && (
        <Field
          label="Figures"
          value={draft.fields}
          placeholder="all"
          problem={problems.fields}
          onInput={(fields) => set({ fields })}
        />
      )}
      <div class="subscribe-pair">
        {members.includes("limit") && (
          <Field
            label={`Limit, up to ${max}`}
            value={draft.limit}
            placeholder={String(usual)}
            problem={problems.limit}
            onInput={(text) => set({ limit: text })}
          />
        )}
        {members.includes("conflateMs") && (
          <Field
            label="Conflate, ms"
            value={draft.conflateMs}
            placeholder="0"
            problem={problems.conflateMs}
            onInput={(conflateMs) => set({ conflateMs })}
          />
        )}
      </div>
      {members.includes("order") && (
        <Tabs
          label="Order"
          value={draft.order}
          options={[
            { value: "desc", label: "Highest first" },
            { value: "asc", label: "Lowest first" },
          ]}
          onChange={(order) => set({ order })}
        />
      )}
    </>
  );
}

function Windows({ draft, windows, set }: Pick<MembersProps, "draft" | "windows" | "set">) {
  const toggle = (window: string): void => {
    const chosen = draft.windows.includes(window);
    const next = chosen ? draft.windows.filter((one) => one !== window) : [...draft.windows, window];
    set({ windows: windows.filter((one) => next.includes(one)) });
  };
  return (
    <fieldset class="window-chips">
      <legend class="label">Windows{draft.windows.length === 0 ? ": all" : ""}</legend>
      {windows.map((window) => (
        <button
          key={window}
          type="button"
          class="window-chip"
          aria-pressed={draft.windows.includes(window)}
          onClick={() => toggle(window)}
        >
          {window}
        </button>
      ))}
    </fieldset>
  );
}

function QueryField({
  draft,
  problem,
  set,
}: Pick<MembersProps, "draft" | "set"> & { readonly problem: string | undefined }) {
  const id = useId("query");
  return (
    <div class={problem === undefined ? "field" : "field invalid"}>
      <label class="label" for={id}>
        Query, as in POST /api/screener
      </label>
      <textarea
        id={id}
        class="mono"
        rows={5}
        spellcheck={false}
        value={draft.query}
        aria-invalid={problem !== undefined}
        aria-describedby={problem === undefined ? undefined : `${id}-problem`}
        onInput={(event) => set({ query: event.currentTarget.value })}
      />
      {problem !== undefined && (
        <span class="field-problem" id={`${id}-problem`}>
          {problem}
        </span>
      )}
    </div>
  );
}
