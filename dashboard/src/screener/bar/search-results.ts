/** The results of a search while a person types: one request at a time, and never an older answer after a newer one. */
import { useEffect, useState } from "preact/hooks";

type Found = {
  readonly id: string;
  readonly symbol?: string;
  readonly chain_id: number;
  readonly volume_usd?: string;
};
export type SearchState = {
  /** The text that `items` are of. */
  readonly text: string;
  readonly items: readonly Found[];
  /** Sentence about a failed search. */
  readonly problem: string | undefined;
};

export type SearchCall = (text: string, signal: AbortSignal) => Promise<{ readonly items: readonly Found[] }>;

/** A pause in typing. Without it every letter would be a request. */
const PAUSE_MS = 120;
const NOTHING: SearchState = { text: "", items: [], problem: undefined };

/** Returns the results for a text. Those of the text before stay until the new ones are there. */
export function useSearch(text: string, search: SearchCall): SearchState {
  const [state, setState] = useState(NOTHING);
  const wanted = text.trim();
  useEffect(() => {
    if (wanted === "") {
      setState(NOTHING);
      return;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      search(wanted, abort.signal).then(
        ({ items }) => abort.signal.aborted || setState({ text: wanted, items, problem: undefined }),
        (error: Error) => abort.signal.aborted || setState({ text: wanted, items: [], problem: error.message }),
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [wanted]);
  return state;
}
