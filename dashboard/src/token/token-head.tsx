/** The head of the view: which token, its price, how that changed, and how old what is shown is. */
import type { StoreMeta, TokenData } from "@swapstats/client";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { signOf } from "../format/decimal.ts";
import { exact, exactUsd, formatPrice } from "../format/figures.ts";
import { exactTime, formatAge, formatClock } from "../format/times.ts";
import { shortId } from "../format/tokens.ts";
import { Button, useId } from "../ui/controls.tsx";
import { Badge, Delta } from "../ui/parts.tsx";
import { windowsInOrder } from "./comparison.ts";
import { differenceOf } from "./exact.ts";
import { newestPrice } from "./price.ts";
import type { ViewState } from "./view-state.ts";

/** The window whose figures stand in front where not all have room. It is kept in the address. */
export type ChosenWindow = { readonly chosen: string; choose(name: string): void };

/** The figures of a token, live or as of a past instant. */
export type Figures = Pick<TokenData, "id" | "symbol" | "windows">;

type HeadProps = {
  readonly id: string;
  readonly data: Figures | undefined;
  readonly window: ChosenWindow;
  /** How old the figures are. */
  readonly standing: ComponentChildren;
  readonly asOf: ComponentChildren;
};

export function TokenHead({ id, data, window, standing, asOf }: HeadProps) {
  const price = data === undefined ? undefined : newestPrice(data);
  return (
    <header class="token-head">
      <div class="token-name">
        <h1>{data?.symbol ?? (data === undefined ? "Token" : shortId(data.id))}</h1>
        <span class="token-id">
          <code title={id}>{shortId(id)}</code>
          <CopyButton text={id} />
        </span>
      </div>
      <Price price={price} />
      <Changes data={data} window={window} />
      {standing}
      {asOf}
    </header>
  );
}

/** The price, tinted for a moment when it changed. */
function Price({ price }: { readonly price: string | undefined }) {
  const last = useRef(price);
  const direction = useRef("");
  if (price !== last.current) {
    const sign = price === undefined || last.current === undefined ? 0 : signOf(differenceOf(price, last.current));
    direction.current = sign > 0 ? " rose" : sign < 0 ? " fell" : "";
    last.current = price;
  }
  return (
    <div class="token-price">
      <span class="unseen">Price in dollars</span>
      <strong
        key={price}
        class={`price-now${direction.current}`}
        title={price === undefined ? undefined : exactUsd(price)}
      >
        {price === undefined ? formatPrice(price) : `$${formatPrice(price)}`}
      </strong>
    </div>
  );
}

/** The change over each window. Choosing one puts its figures in front. */
function Changes({ data, window }: { readonly data: Figures | undefined; readonly window: ChosenWindow }) {
  const group = useId("window");
  const names = data === undefined ? [] : windowsInOrder(data.windows);
  return (
    <fieldset class="token-changes">
      <legend class="unseen">Change of the price by window</legend>
      {names.map((name) => (
        <label key={name} class={name === window.chosen ? "token-change chosen" : "token-change"}>
          <input type="radio" name={group} checked={name === window.chosen} onChange={() => window.choose(name)} />
          <span class="change-window">{name}</span>
          <Delta value={data!.windows[name]!.price_change_pct} />
        </label>
      ))}
    </fieldset>
  );
}

type StandingProps = {
  readonly meta: StoreMeta | undefined;
  readonly state: ViewState;
  readonly nowMs: number;
};

/** How old the figures are, in words. It takes the same place in every state. */
export function Standing({ meta, state, nowMs }: StandingProps) {
  if (state.kind === "pending") {
    return (
      <div class="token-standing" role="status">
        <Badge tone="accent">Pending</Badge>
        <span>No swap has named this token yet. It appears here with its first one.</span>
      </div>
    );
  }
  if (state.kind !== "shown" || meta === undefined) return <div class="token-standing">Loading…</div>;
  const age = (
    <span title={exactTime(meta.asOf)}>
      as of {formatClock(meta.asOf)}
      {state.age !== "live" && `, ${formatAge(meta.asOf, nowMs)} ago`}
    </span>
  );
  return (
    <div class="token-standing">
      <span role="status" class="standing-word">
        {state.age === "stale" && <Badge tone="warn">Stale: instance unreachable</Badge>}
        {state.age === "offline" && <Badge tone="warn">Stale: no connection</Badge>}
        {state.isQuiet && <Badge title="No swap counts in any window">No trades</Badge>}
      </span>
      {age}
      <span title={`Revision of epoch ${meta.epoch}`}>rev {exact(meta.rev)}</span>
    </div>
  );
}

const COPIED_MS = 1_600;

function CopyButton({ text }: { readonly text: string }) {
  const [told, setTold] = useState("");
  useEffect(() => {
    if (told === "") return;
    const timer = setTimeout(() => setTold(""), COPIED_MS);
    return () => clearTimeout(timer);
  }, [told]);
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setTold("Copied"),
      () => setTold("The browser does not allow it"),
    );
  };
  return (
    <>
      <Button label="Copy the id" icon={told === "Copied" ? "check" : "copy"} iconOnly kind="quiet" onClick={copy} />
      <span class="copied" role="status">
        {told}
      </span>
    </>
  );
}
