/** The state of the view, from the store of the token's figures. */
import type { ClientError, ClientStatus, TokenData } from "@swapstats/client";

export type ViewState =
  | { readonly kind: "loading" }
  /** The form of an id that no swap has named yet. */
  | { readonly kind: "pending" }
  | { readonly kind: "unknown" }
  | { readonly kind: "ambiguous" }
  | { readonly kind: "forbidden" | "failed"; readonly error: ClientError }
  /**
   * `live`, `stale` (the instance that owns the token is unreachable) or `offline` (no connection). `isQuiet`: no swap counts in any window.
   */
  | { readonly kind: "shown"; readonly age: "live" | "stale" | "offline"; readonly isQuiet: boolean };

/** The part of the store that the state depends on. */
type Held = {
  readonly data: TokenData | undefined;
  readonly error: ClientError | undefined;
  readonly stale: boolean;
  readonly pending: boolean;
};

/**
 * Returns the state of the view. When the connection is lost, the page keeps its figures and marks them.
 * Without them an error comes first, because a store with an error may say that it is pending too.
 */
export function viewStateOf({ data, error, stale, pending }: Held, status: ClientStatus): ViewState {
  if (error !== undefined && (data === undefined || isRefused(error))) return problemStateOf(error);
  if (data !== undefined) {
    const age = !stale ? "live" : status === "live" ? "stale" : "offline";
    return { kind: "shown", age, isQuiet: Object.values(data.windows).every(({ trades = 0 }) => trades === 0) };
  }
  return { kind: pending ? "pending" : "loading" };
}

function isRefused({ code }: ClientError): boolean {
  return code === "unauthorized" || code === "forbidden";
}

/** Without a connection a token is still loading: the header of the page says what is wrong with the connection. */
const OF_CONNECTION: ReadonlySet<string> = new Set(["offline", "timeout", "shutting_down", "not_ready", "unavailable"]);

function problemStateOf(error: ClientError): ViewState {
  if (error.code === "unknown_token" || error.code === "unknown_channel") return { kind: "unknown" };
  if (error.code === "ambiguous_token") return { kind: "ambiguous" };
  if (OF_CONNECTION.has(error.code)) return { kind: "loading" };
  return { kind: isRefused(error) ? "forbidden" : "failed", error };
}
