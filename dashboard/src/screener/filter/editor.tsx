/** The filter while it is edited: groups with a line for each comparison. */
import type { ComponentChildren } from "preact";
import { Button, Select, Field as TextField } from "../../ui/controls.tsx";
import { type Field, fields, findField } from "../model/fields.ts";
import { nearestWindow } from "../model/windows.ts";
import type { DraftError } from "./build.ts";
import {
  addAt,
  type Draft,
  type DraftComparison,
  type DraftGroup,
  type Match,
  newComparison,
  type Path,
  replaceAt,
  withField,
} from "./draft.ts";
import { operatorLabels, operatorsOf } from "./operators.ts";
import { exampleOf } from "./values.ts";
import { matchLabels } from "./words.ts";

type EditorProps = {
  readonly draft: DraftGroup;
  readonly windows: readonly string[];
  readonly errors: readonly DraftError[];
  readonly onDraft: (draft: DraftGroup) => void;
};
/** What every node of the tree needs. */
type Context = EditorProps & { readonly errorAt: (path: Path) => string | undefined };

const DEFAULT_FIELD = "volume_usd";

export function FilterEditor(props: EditorProps) {
  const { draft, errors } = props;
  const errorAt = (path: Path): string | undefined =>
    errors.find((error) => error.path.join() === path.join())?.message;
  return (
    <section class="editor" aria-label="Filter">
      <GroupEditor context={{ ...props, errorAt }} group={draft} path={[]} />
    </section>
  );
}

type NodeProps<Node extends Draft> = { readonly context: Context; readonly path: Path } & (Node extends DraftGroup
  ? { readonly group: Node }
  : { readonly comparison: Node });

const MATCHES = (Object.keys(matchLabels) as Match[]).map((value) => ({ value, label: matchLabels[value] }));

function GroupEditor({ context, group, path }: NodeProps<DraftGroup>) {
  const { draft, windows, onDraft, errorAt } = context;
  const problem = errorAt(path);
  const add = (node: Draft): void => onDraft(addAt(draft, path, node));
  const fresh = newComparison(findField(DEFAULT_FIELD) as Field, nearestWindow(windows, "5m"));
  return (
    <fieldset class={`group-editor${path.length > 0 ? " inner" : ""}`}>
      <legend class="unseen">{path.length === 0 ? "Filter" : "Group of comparisons"}</legend>
      <div class="group-head">
        <span>Tokens that match</span>
        <Select
          label="How the group matches"
          labelHidden
          value={group.match}
          options={MATCHES}
          onChange={(match) => onDraft(replaceAt(draft, path, { ...group, match }))}
        />
        <span>these</span>
        {path.length > 0 && (
          <Remove label="Remove the group" onClick={() => onDraft(replaceAt(draft, path, undefined))} />
        )}
      </div>
      {group.parts.map((part, at) => {
        const place = [...path, at];
        // The place is the identity of a part: parts have no other, and move only when one before them is removed.
        return part.kind === "group" ? (
          <GroupEditor key={place.join()} context={context} group={part} path={place} />
        ) : (
          <ComparisonEditor key={place.join()} context={context} comparison={part} path={place} />
        );
      })}
      {problem !== undefined && <Wrong>{problem}</Wrong>}
      <div class="group-end">
        <Button label="Comparison" icon="plus" onClick={() => add(fresh)} />
        <Button
          label="Group"
          icon="plus"
          kind="quiet"
          onClick={() => add({ kind: "group", match: "any", parts: [fresh] })}
        />
      </div>
    </fieldset>
  );
}

const FIELDS = fields.map(({ name, label }) => ({ value: name, label }));
const IS_NOT = [
  { value: "no", label: "where" },
  { value: "yes", label: "not where" },
];
const YES_NO = [
  { value: "true", label: "yes" },
  { value: "false", label: "no" },
];

function ComparisonEditor({ context, comparison, path }: NodeProps<DraftComparison>) {
  const { draft, windows, onDraft, errorAt } = context;
  const { isNot, window, op, text, to } = comparison;
  const field = findField(comparison.field) as Field;
  const problem = errorAt(path);
  const change = (changes: Partial<DraftComparison>): void =>
    onDraft(replaceAt(draft, path, { ...comparison, ...changes }));
  return (
    <div class="comparison">
      <Select
        label="Include or leave out"
        labelHidden
        value={isNot ? "yes" : "no"}
        options={IS_NOT}
        onChange={(value) => change({ isNot: value === "yes" })}
      />
      <Select
        label="Figure"
        labelHidden
        value={field.name}
        options={FIELDS}
        onChange={(name) =>
          onDraft(replaceAt(draft, path, withField(comparison, findField(name) as Field, nearestWindow(windows, "1h"))))
        }
      />
      {field.isOfWindow && (
        <Select
          label="Window"
          labelHidden
          value={window}
          options={windows.map((value) => ({ value, label: value }))}
          onChange={(value) => change({ window: value })}
        />
      )}
      <Select
        label="Comparison"
        labelHidden
        value={op}
        options={operatorsOf(field.kind).map((value) => ({ value, label: operatorLabels[value] }))}
        onChange={(value) => change({ op: value })}
      />
      {field.kind === "flag" ? (
        <Select label="Value" labelHidden value={text} options={YES_NO} onChange={(value) => change({ text: value })} />
      ) : (
        <ValueField label="Value" field={field} value={text} onInput={(value) => change({ text: value })} />
      )}
      {op === "between" && (
        <>
          <span>and</span>
          <ValueField label="Highest value" field={field} value={to} onInput={(value) => change({ to: value })} />
        </>
      )}
      <Remove label="Remove the comparison" onClick={() => onDraft(replaceAt(draft, path, undefined))} />
      {problem !== undefined && <Wrong>{problem}</Wrong>}
    </div>
  );
}

type ValueProps = {
  readonly label: string;
  readonly field: Field;
  readonly value: string;
  readonly onInput: (value: string) => void;
};

const ValueField = ({ label, field, value, onInput }: ValueProps) => (
  <TextField
    label={label}
    labelHidden
    value={value}
    placeholder={`such as ${exampleOf(field)}`}
    input={{ maxLength: 4_096 }}
    onInput={onInput}
  />
);

const Remove = ({ label, onClick }: { readonly label: string; readonly onClick: () => void }) => (
  <Button label={label} icon="close" iconOnly kind="quiet" onClick={onClick} />
);

const Wrong = ({ children }: { readonly children: ComponentChildren }) => (
  <p class="wrong" role="alert">
    {children}
  </p>
);
