/** A cell with a figure. It is drawn again only when its value has changed, and is then tinted for a moment. */
import { Component, createRef, type RefObject } from "preact";
import {
  exact,
  exactUsd,
  formatAmount,
  formatCount,
  formatPercent,
  formatPrice,
  formatUsd,
} from "../../format/figures.ts";
import { exactTime, formatAge } from "../../format/times.ts";
import type { FieldKind } from "../model/fields.ts";
import { direction, type Value } from "../model/rows.ts";
import { flash } from "./flashes.ts";

/** Returns the short form of a value. `nowMs` is the time to which an age refers. */
function shortForm(kind: FieldKind, value: Value | undefined, nowMs: number): string {
  if (kind === "time") return formatAge(value as number | undefined, nowMs);
  if (kind === "usd") return formatUsd(value);
  if (kind === "price") return formatPrice(value);
  if (kind === "percent") return formatPercent(value);
  return kind === "amount" ? formatAmount(value) : formatCount(value);
}

/** Returns the exact value. */
export function exactForm(kind: FieldKind, value: Value | undefined): string {
  if (kind === "time") return exactTime(value as number | undefined);
  if (kind === "usd" || kind === "price") return exactUsd(value);
  return exact(value, kind === "percent" ? "%" : "");
}

/** Figures whose sign means good or bad for a holder of the token. */
const SIGNED: ReadonlySet<string> = new Set([
  ...["price_change_pct", "price_change", "net_volume_usd", "previous.net_volume_usd", "change.volume_usd"],
  ...["change.trades", "change.buys", "change.buy_volume_usd"],
]);

/**
 * A cell is tinted again only after this time, in ms: a busy token changes with every update, and a table that never rests cannot be
 * read. Figures of windows change with every swap, so they rest longer and are not tinted: their text has the colour.
 */
const REST_MS = { price: 1_200, other: 2_400 } as const;

type Props = {
  readonly name: string;
  readonly kind: FieldKind;
  readonly value: Value | undefined;
  /** Marks of the value: `is-partial`, `is-estimated`, `sorted`, `first`. */
  readonly marks: string;
  readonly nowMs: number;
  /** True: it stands within a cell of the table. */
  readonly inner: boolean;
};

export class Cell extends Component<Props> {
  #text = "";
  #flashedMs = Number.NEGATIVE_INFINITY;
  /** Name of the mark that the present change deserves. */
  #due = "";
  readonly #element = createRef<HTMLElement>();

  override shouldComponentUpdate(next: Props): boolean {
    const { value, marks, kind, nowMs } = this.props;
    if (next.value === value && next.marks === marks && (kind !== "time" || next.nowMs === nowMs)) return false;
    // What a reader cannot see has not changed.
    const isChanged = shortForm(next.kind, next.value, next.nowMs) !== this.#text;
    if (isChanged && kind !== "time") this.#due = this.#markOf(direction(value, next.value), kind);
    return isChanged || next.marks !== marks;
  }

  override componentDidUpdate(): void {
    if (this.#due !== "" && this.#element.current !== null) flash(this.#element.current, this.#due);
    this.#due = "";
  }

  override render({ name, kind, value, marks, nowMs, inner }: Props) {
    this.#text = shortForm(kind, value, nowMs);
    const sign = SIGNED.has(name) && value !== undefined ? Math.sign(Number(value)) : 0;
    const tone = sign > 0 ? " up" : sign < 0 ? " down" : value === undefined ? " none" : "";
    const look = `fig${tone}${marks}`;
    return inner ? (
      <span ref={this.#element} class={look}>
        {this.#text}
      </span>
    ) : (
      <td ref={this.#element as RefObject<HTMLTableCellElement>} class={look}>
        {this.#text}
      </td>
    );
  }

  #markOf(way: -1 | 0 | 1, kind: FieldKind): string {
    const isPrice = kind === "price";
    const nowMs = performance.now();
    if (way === 0 || nowMs - this.#flashedMs < REST_MS[isPrice ? "price" : "other"]) return "";
    this.#flashedMs = nowMs;
    return `${isPrice ? "tint" : "glow"}-${way > 0 ? "up" : "down"}`;
  }
}
