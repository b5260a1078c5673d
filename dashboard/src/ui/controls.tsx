/** Controls. Every one has a name for those who do not see it, a visible focus, and a size that a finger finds on a phone. */
import type { ComponentChildren, InputHTMLAttributes } from "preact";
import { useRef } from "preact/hooks";
import { Icon, type IconName } from "./icons.tsx";

type ButtonProps = {
  /** Name of the control. Shown, unless `iconOnly`. */
  readonly label: string;
  readonly onClick: () => void;
  readonly icon?: IconName;
  readonly iconOnly?: boolean;
  readonly kind?: "plain" | "quiet" | "primary";
  /** For a control that stays down: whether it is. */
  readonly pressed?: boolean;
  readonly expanded?: boolean;
  readonly disabled?: boolean;
};

export function Button({ label, onClick, icon, iconOnly, kind = "plain", pressed, expanded, disabled }: ButtonProps) {
  return (
    <button
      type="button"
      class={`button ${kind}${iconOnly ? " icon-only" : ""}`}
      aria-label={iconOnly ? label : undefined}
      title={iconOnly ? label : undefined}
      aria-pressed={pressed}
      aria-expanded={expanded}
      disabled={disabled}
      onClick={onClick}
    >
      {icon && <Icon name={icon} />}
      {!iconOnly && <span>{label}</span>}
    </button>
  );
}

type FieldProps = {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  /** The label is spoken and not shown, as with a search field that an icon explains. */
  readonly labelHidden?: boolean;
  readonly icon?: IconName;
  /** What is wrong with the value. */
  readonly problem?: string | undefined;
  readonly type?: "text" | "search" | "password";
  readonly placeholder?: string;
  readonly input?: {
    readonly name?: string;
    readonly maxLength?: number;
    /** Id of a list of suggestions. */
    readonly list?: string;
    readonly onKeyDown?: (event: KeyboardEvent) => void;
    readonly onBlur?: (event: FocusEvent) => void;
  };
};

let fields = 0;
/** Returns an id that no other element of the page has. */
export function useId(prefix: string): string {
  const id = useRef("");
  if (id.current === "") id.current = `${prefix}-${fields++}`;
  return id.current;
}

export function Field({
  label,
  value,
  onInput,
  labelHidden,
  icon,
  problem,
  type = "text",
  placeholder,
  input,
}: FieldProps) {
  const id = useId("field");
  return (
    <div class={`field${problem === undefined ? "" : " invalid"}`}>
      <label for={id} class={labelHidden ? "unseen" : "label"}>
        {label}
      </label>
      <span class="input">
        {icon && <Icon name={icon} />}
        <input
          // Preact has a type for each kind of input; here the kind is a choice.
          {...({ ...input, type } as InputHTMLAttributes<HTMLInputElement>)}
          id={id}
          value={value}
          placeholder={placeholder ?? ""}
          autocomplete="off"
          spellcheck={false}
          aria-invalid={problem !== undefined}
          {...(problem === undefined ? {} : { "aria-describedby": `${id}-problem` })}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      </span>
      {problem !== undefined && (
        <span class="field-problem" id={`${id}-problem`}>
          {problem}
        </span>
      )}
    </div>
  );
}

type Option<V extends string> = { readonly value: V; readonly label: string };

type ChoiceProps<V extends string> = {
  readonly label: string;
  readonly value: V;
  readonly options: readonly Option<V>[];
  readonly onChange: (value: V) => void;
};

/** A choice out of many, as the browser offers it. */
export function Select<V extends string>({
  label,
  value,
  options,
  onChange,
  labelHidden,
}: ChoiceProps<V> & { readonly labelHidden?: boolean }) {
  const id = useId("select");
  return (
    <div class="field">
      <label for={id} class={labelHidden ? "unseen" : "label"}>
        {label}
      </label>
      <span class="select">
        <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value as V)}>
          {options.map((option) => (
            <option key={option.value} value={option.value} selected={option.value === value}>
              {option.label}
            </option>
          ))}
        </select>
        <Icon name="chevron" size={12} />
      </span>
    </div>
  );
}

/** A choice out of few, all shown: a group of radio buttons. Arrow keys move within it. */
export function Tabs<V extends string>({ label, value, options, onChange }: ChoiceProps<V>) {
  const name = useId("tabs");
  return (
    <fieldset class="tabs">
      <legend class="unseen">{label}</legend>
      {options.map((option) => (
        <label key={option.value} class={option.value === value ? "tab chosen" : "tab"}>
          <input
            type="radio"
            name={name}
            value={option.value}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          <span>{option.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** A button that opens a small panel. It closes on Escape, and when the focus or a click goes elsewhere. */
export function Popover({
  label,
  button,
  children,
  align = "end",
}: {
  /** Name of the button, if what it shows does not name it. */
  readonly label?: string;
  readonly button: ComponentChildren;
  readonly children: ComponentChildren;
  readonly align?: "start" | "end";
}) {
  const id = useId("popover");
  const details = useRef<HTMLDetailsElement>(null);
  const close = (): void => details.current?.removeAttribute("open");
  return (
    <details
      ref={details}
      class={`popover ${align}`}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || details.current?.open !== true) return;
        event.stopPropagation();
        close();
        details.current.querySelector("summary")?.focus();
      }}
      onFocusOut={(event) => {
        const next = event.relatedTarget;
        if (next === null || !details.current?.contains(next as Node)) {
          // A click inside on something that takes no focus leaves the panel open.
          if (next !== null || !details.current?.matches(":active")) close();
        }
      }}
    >
      <summary aria-label={label} aria-controls={id}>
        {button}
      </summary>
      <div class="popover-panel" id={id}>
        {children}
      </div>
    </details>
  );
}
