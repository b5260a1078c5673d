/** Parts that show: figures, marks, and the states of a view. */
import type { ComponentChildren } from "preact";
import { signOf } from "../format/decimal.ts";
import {
  exact,
  exactUsd,
  formatAmount,
  formatCount,
  formatPercent,
  formatPrice,
  formatUsd,
  type Value,
} from "../format/figures.ts";
import { useId } from "./controls.tsx";
import { Icon, type IconName } from "./icons.tsx";

const FORMS = {
  usd: [formatUsd, exactUsd],
  price: [formatPrice, exactUsd],
  count: [formatCount, exact],
  amount: [formatAmount, exact],
  percent: [formatPercent, (value: Value) => exact(value, "%")],
} as const;
export type FigureForm = keyof typeof FORMS;

/** A figure in its short form. Its title is the exact value. `unit` stands behind the exact value. */
export function Figure({
  value,
  form,
  unit = "",
}: {
  readonly value: Value;
  readonly form: FigureForm;
  readonly unit?: string;
}) {
  const [short, whole] = FORMS[form];
  const title = value === null || value === undefined ? undefined : `${whole(value)}${unit === "" ? "" : ` ${unit}`}`;
  return (
    <span class="figure" title={title}>
      {short(value)}
    </span>
  );
}

/** A figure with its direction by colour, sign and, with `arrow`, by a triangle. */
export function Delta({
  value,
  form = "percent",
  arrow,
}: {
  readonly value: Value;
  readonly form?: FigureForm;
  readonly arrow?: boolean;
}) {
  const sign = signOf(value);
  const direction = sign > 0 ? "up" : sign < 0 ? "down" : "flat";
  return (
    <span class={`delta ${direction}`}>
      {arrow && sign !== 0 && (
        <svg class="triangle" width="8" height="8" viewBox="0 0 8 8" aria-hidden="true">
          <path d={sign > 0 ? "M4 1l3.5 6h-7z" : "M4 7L.5 1h7z"} />
        </svg>
      )}
      <Figure value={value} form={form} />
    </span>
  );
}

export type Tone = "neutral" | "up" | "down" | "warn" | "accent";

export function Badge({
  tone = "neutral",
  title,
  children,
}: {
  readonly tone?: Tone;
  readonly title?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <span class={`badge ${tone}`} title={title}>
      {children}
    </span>
  );
}

/** A part of a view with a heading. */
export function Panel({
  title,
  aside,
  children,
  class: name = "",
}: {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly class?: string;
}) {
  const id = useId("panel");
  return (
    <section class={`panel ${name}`} aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div class="panel-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

/** The state of a view that has nothing to show: says why, and what to do. */
export function Empty({
  title,
  children,
  icon = "info",
  action,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly icon?: IconName;
  readonly action?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <Icon name={icon} size={20} />
      <h2>{title}</h2>
      {children !== undefined && <p>{children}</p>}
      {action}
    </div>
  );
}

/** Grey bars in the place of data that are on their way. `rows` bars have the height of rows. */
export function Skeleton({ rows = 1, label = "Loading" }: { readonly rows?: number; readonly label?: string }) {
  return (
    <div class="skeleton" role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} />
      ))}
    </div>
  );
}
