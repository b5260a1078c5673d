/** Cursors of pages from the history: the place of the last item, which stays valid for ever. */
import type { SwapPosition } from "../../ports/history-store.ts";
import { ProblemError } from "../problems.ts";

/** A page of swaps ends with this swap, and one of candles with the candle of this time. */
type Place =
  | { readonly kind: "swap"; readonly at: SwapPosition; readonly order: "asc" | "desc" }
  | { readonly kind: "candle"; readonly openTimeMs: number; readonly interval: string }
  /** The next page of a ranking begins at this place. `key`: equal for equal queries. */
  | { readonly kind: "rank"; readonly asOfMs: number; readonly from: number; readonly key: string };

const CANDLE = "c1";
const SWAP = "s1";
const RANK = "r1";
const EVENT_ID_CHARS_MAX = 128;

export function encodePlace(place: Place): string {
  return Buffer.from(JSON.stringify(textsOf(place))).toString("base64url");
}

function textsOf(place: Place): readonly unknown[] {
  if (place.kind === "candle") return [CANDLE, place.openTimeMs, place.interval];
  if (place.kind === "rank") return [RANK, place.asOfMs, place.key, place.from];
  const { eventTimeMs, blockNumber, txIndex, logIndex, eventId } = place.at;
  return [SWAP, place.order, eventTimeMs, blockNumber, txIndex, logIndex, eventId];
}

/** Throws ProblemError `bad_request` for a text that is no cursor of candles of this interval. */
export function candlePlace(cursor: string, interval: string): number {
  const [kind, openTimeMs, name] = partsOf(cursor);
  if (kind !== CANDLE || !isNatural(openTimeMs)) throw noCursor();
  if (name !== interval) throw otherCursor(`candles of ${String(name)}`);
  return openTimeMs;
}

/** Throws ProblemError `bad_request` for a text that is no cursor of swaps in this order. */
export function swapPlace(cursor: string, order: "asc" | "desc"): SwapPosition {
  const [kind, given, ...rest] = partsOf(cursor);
  const [eventTimeMs, blockNumber, txIndex, logIndex, eventId] = rest;
  const isPlace = isNatural(eventTimeMs) && isNatural(blockNumber) && isNatural(txIndex) && isNatural(logIndex);
  if (kind !== SWAP || !isPlace || typeof eventId !== "string" || eventId.length > EVENT_ID_CHARS_MAX) throw noCursor();
  if (given !== order) throw otherCursor(`the order ${String(given)}`);
  return { eventTimeMs, blockNumber, txIndex, logIndex, eventId };
}

/** Throws ProblemError `bad_request` for a text that is no cursor of this query at this instant. */
export function rankPlace(cursor: string, asOfMs: number, key: string): number {
  const [kind, givenMs, givenKey, from] = partsOf(cursor);
  if (kind !== RANK || !isNatural(from)) throw noCursor();
  if (givenMs !== asOfMs || givenKey !== key) throw otherCursor("another query or instant");
  return from;
}

function partsOf(cursor: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    if (Array.isArray(parts)) return parts;
  } catch {
    // Below.
  }
  throw noCursor();
}

const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const noCursor = (): ProblemError =>
  new ProblemError("bad_request", "cursor is not one that this service gave; take next_cursor of a response as it is.");

const otherCursor = (what: string): ProblemError =>
  new ProblemError("bad_request", `cursor belongs to ${what}; ask for that, or leave the cursor out.`);
