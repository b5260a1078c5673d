/** The search for a token. `/` puts the focus here, arrows choose a result, Enter opens it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { formatUsd } from "../../format/figures.ts";
import { shortAddress } from "../../format/tokens.ts";
import { useId } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { hrefTo } from "../../ui/route.ts";
import { chainName, splitTokenId } from "../model/chains.ts";
import { type SearchCall, type SearchState, useSearch } from "./search-results.ts";

type SearchProps = {
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly search: SearchCall;
};

export function Search({ text, onText, search }: SearchProps) {
  const id = useId("search");
  const input = useRef<HTMLInputElement>(null);
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const state = useSearch(text, search);
  useFocusKey(input);
  const isShown = isOpen && text.trim() !== "" && state.text !== "";
  const chosen = state.items[Math.min(active, state.items.length - 1)];
  const onKeyDown = (event: KeyboardEvent): void => {
    const { key } = event;
    if (key === "Escape") {
      if (isShown) setOpen(false);
      else input.current?.blur();
      return;
    }
    const step = key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0;
    if (step !== 0 && state.items.length > 0) {
      event.preventDefault();
      setOpen(true);
      setActive(
        (before) => (Math.min(before, state.items.length - 1) + step + state.items.length) % state.items.length,
      );
    }
    if (key === "Enter" && isShown && chosen !== undefined) location.hash = hrefTo("token", chosen.id);
  };
  return (
    <search class="search" onFocusOut={(event) => leaves(event) && setOpen(false)}>
      <span class="input">
        <Icon name="search" />
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-label="Search a token by symbol or address"
          aria-expanded={isShown}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={isShown && chosen !== undefined ? `${id}-${chosen.id}` : undefined}
          autocomplete="off"
          spellcheck={false}
          maxLength={128}
          placeholder="Symbol or address"
          value={text}
          onFocus={() => setOpen(true)}
          onInput={(event) => {
            setOpen(true);
            setActive(0);
            onText(event.currentTarget.value);
          }}
          onKeyDown={onKeyDown}
        />
        <kbd>/</kbd>
      </span>
      {isShown && <Results id={id} state={state} active={chosen?.id} />}
    </search>
  );
}

const leaves = ({ currentTarget, relatedTarget }: FocusEvent): boolean =>
  !(currentTarget as Element).contains(relatedTarget as Node | null);

/** Puts the focus on the input when `/` is pressed outside of a control that takes text. */
function useFocusKey(input: { readonly current: HTMLInputElement | null }): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof Element && event.target.closest("input, select, textarea") !== null;
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

type ResultsProps = { readonly id: string; readonly state: SearchState; readonly active: string | undefined };

function Results({ id, state: { text, items, problem }, active }: ResultsProps) {
  return (
    <div class="results" role="listbox" id={`${id}-list`} aria-label="Tokens">
      {items.map(({ id: token, symbol, chain_id, volume_usd }) => (
        <a
          key={token}
          id={`${id}-${token}`}
          role="option"
          aria-selected={token === active}
          tabIndex={-1}
          class="result"
          href={hrefTo("token", token)}
        >
          <strong>{symbol ?? shortAddress(splitTokenId(token).address)}</strong>
          <span class="result-chain">{chainName(chain_id)}</span>
          <span class="result-address">{shortAddress(splitTokenId(token).address)}</span>
          <span class="result-volume">{volume_usd === undefined ? "" : formatUsd(volume_usd)}</span>
        </a>
      ))}
      {items.length === 0 && (
        <p class="results-none" role="status">
          {problem ?? `No token begins with or contains “${text}”.`}
        </p>
      )}
    </div>
  );
}
