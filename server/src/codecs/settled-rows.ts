/** Settled swaps as objects. settled-form.ts has their form as bytes. */
import type { SettledSwap } from "../engine/reads/past-sums.ts";
import { SettledFields, type TextRange } from "./settled-fields.ts";
import { settledChunkOf } from "./settled-form.ts";

const LIMB = 10n ** 15n;

/** One token, or those that are wanted. */
export type SettledTokens =
  | { readonly chainId: number; readonly token: string }
  | ((chainId: number, token: string) => boolean);

/**
 * Yields the swaps of a chunk in the order of their sequences, those below `fromSequence` left out; with `only`, those of these tokens alone. Throws
 * RangeError when `SettledRowWriter` did not write the bytes.
 */
export function* readSettledRows(
  chunk: Uint8Array<ArrayBuffer>,
  fromSequence = 0,
  only?: SettledTokens,
): Generator<SettledSwap> {
  let sequence = settledChunkOf(chunk).fromSequence;
  const fields = new SettledFields(chunk);
  const reader = new RowReader(fields);
  const isWanted = only === undefined ? undefined : filterOf(only, fields);
  for (let rows = fields.nextGroup(); rows > 0; rows = fields.nextGroup()) {
    if (sequence + rows <= fromSequence || isWanted?.() === false) {
      sequence += rows;
      continue;
    }
    reader.openGroup();
    for (let i = 0; i < rows; i++, sequence++) {
      const isBehind = sequence >= fromSequence;
      fields.nextRow(isBehind);
      if (isBehind) yield reader.row();
    }
  }
}

/** Whether the group that the fields came to is wanted. */
function filterOf(only: SettledTokens, fields: SettledFields): () => boolean {
  const { bytes, token } = fields;
  if (typeof only === "function") return () => only(fields.chainId, bytes.toString("utf8", token.from, token.to));
  const text = Buffer.from(only.token);
  return () => fields.chainId === only.chainId && bytes.compare(text, 0, text.length, token.from, token.to) === 0;
}

/** A text that many rows share: it is decoded once. */
class SharedText {
  readonly #bytes: Buffer;
  readonly #range: TextRange;
  #text: string | undefined;
  #from = -1;

  constructor(bytes: Buffer, range: TextRange) {
    this.#bytes = bytes;
    this.#range = range;
  }

  /** Undefined when there is none. */
  get(): string | undefined {
    const { from, to } = this.#range;
    if (from === to) return undefined;
    if (from !== this.#from) this.#text = this.#bytes.toString("utf8", from, to);
    this.#from = from;
    return this.#text;
  }
}

class RowReader {
  readonly #fields: SettledFields;
  readonly #who: SharedText;
  readonly #blockHash: SharedText;
  readonly #pool: SharedText;
  readonly #symbol: SharedText;
  #token = "";

  constructor(fields: SettledFields) {
    const { bytes } = fields;
    this.#fields = fields;
    this.#who = new SharedText(bytes, fields.who);
    this.#blockHash = new SharedText(bytes, fields.blockHash);
    this.#pool = new SharedText(bytes, fields.pool);
    this.#symbol = new SharedText(bytes, fields.symbol);
  }

  openGroup(): void {
    const { bytes, token } = this.#fields;
    this.#token = bytes.toString("utf8", token.from, token.to);
  }

  row(): SettledSwap {
    const fields = this.#fields;
    const { bytes, chainId, tx, logIndex, eventId, givenPrice, price, amount0, amount1, amount2 } = fields;
    const txHash = fields.isTxHex
      ? `0x${bytes.toString("hex", tx.from, tx.to)}`
      : bytes.toString("utf8", tx.from, tx.to);
    const hasOwnId = eventId.from < eventId.to;
    return {
      chainId,
      token: this.#token,
      symbol: this.#symbol.get(),
      pool: this.#pool.get(),
      who: this.#who.get(),
      isBuy: fields.isBuy,
      amountUnits: (BigInt(amount2) * LIMB + BigInt(amount1)) * LIMB + BigInt(amount0),
      usdMicro: fields.usdMicro,
      givenPrice: Number.isNaN(givenPrice) ? undefined : givenPrice,
      price: Number.isNaN(price) ? undefined : price,
      eventTimeMs: fields.eventTimeMs,
      txHash,
      logIndex,
      txIndex: fields.txIndex,
      eventId: hasOwnId ? bytes.toString("utf8", eventId.from, eventId.to) : `${chainId}:${txHash}:${logIndex}`,
      blockNumber: fields.blockNumber === -1 ? undefined : fields.blockNumber,
      blockHash: this.#blockHash.get(),
      revision: fields.revision,
    };
  }
}
