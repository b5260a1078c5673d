/** Sums of rows by token, for comparison with the sums of a store. */
import type { SettledRow, SpanSums } from "../../ports/history-store.ts";

type Sums = { -readonly [Name in keyof SpanSums]: SpanSums[Name] };
/** The rows that have the first and the last price. */
type Folded = { readonly sums: Sums; first: SettledRow | undefined; last: SettledRow | undefined };

/** Sums by the key of their token. */
export class RowSums {
  readonly #tokens = new Map<string, Folded>();
  rows = 0;

  add(row: SettledRow): void {
    this.rows += 1;
    const key = tokenKey(row);
    let folded = this.#tokens.get(key);
    if (folded === undefined) {
      folded = { sums: noSums(), first: undefined, last: undefined };
      this.#tokens.set(key, folded);
    }
    addAmounts(folded.sums, row);
    if (row.price !== undefined) addPrice(folded, row, row.price);
  }

  get(key: string): SpanSums | undefined {
    return this.#tokens.get(key)?.sums;
  }

  keys(): Iterable<string> {
    return this.#tokens.keys();
  }

  clear(): void {
    this.#tokens.clear();
    this.rows = 0;
  }
}

export const tokenKey = ({ chainId, token }: { readonly chainId: number; readonly token: string }): string =>
  `${chainId}:${token}`;

/** Returns the names of the sums that differ. Undefined: the token has no rows. */
export function differingSums(a: SpanSums | undefined, b: SpanSums | undefined): string[] {
  if (a === undefined || b === undefined) return a === b ? [] : ["all"];
  return SUM_NAMES.filter((name) => a[name] !== b[name]);
}

function noSums(): Sums {
  return {
    ...{ buys: 0, sells: 0, usdBuyMicro: 0n, usdSellMicro: 0n, tokenBuyUnits: 0n, tokenSellUnits: 0n },
    ...{ open: undefined, high: undefined, low: undefined, close: undefined, firstMs: undefined, lastMs: undefined },
  };
}
const SUM_NAMES = Object.keys(noSums()) as readonly (keyof SpanSums)[];

function addAmounts(sums: Sums, { isBuy, usdMicro, amountUnits, eventTimeMs }: SettledRow): void {
  if (isBuy) {
    sums.buys += 1;
    sums.usdBuyMicro += BigInt(usdMicro);
    sums.tokenBuyUnits += amountUnits;
  } else {
    sums.sells += 1;
    sums.usdSellMicro += BigInt(usdMicro);
    sums.tokenSellUnits += amountUnits;
  }
  sums.firstMs = Math.min(sums.firstMs ?? eventTimeMs, eventTimeMs);
  sums.lastMs = Math.max(sums.lastMs ?? eventTimeMs, eventTimeMs);
}

function addPrice(folded: Folded, row: SettledRow, price: number): void {
  const { sums, first, last } = folded;
  if (first === undefined || comparePositions(row, first) < 0) {
    folded.first = row;
    sums.open = price;
  }
  if (last === undefined || comparePositions(row, last) > 0) {
    folded.last = row;
    sums.close = price;
  }
  sums.high = Math.max(sums.high ?? price, price);
  sums.low = Math.min(sums.low ?? price, price);
}

function comparePositions(a: SettledRow, b: SettledRow): number {
  return (
    a.eventTimeMs - b.eventTimeMs ||
    (a.blockNumber ?? 0) - (b.blockNumber ?? 0) ||
    a.txIndex - b.txIndex ||
    a.logIndex - b.logIndex ||
    Buffer.compare(Buffer.from(a.eventId), Buffer.from(b.eventId))
  );
}
