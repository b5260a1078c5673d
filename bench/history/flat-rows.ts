/** Settled swaps as the applying thread sends them: see the server's codecs/settled-form.ts. */
import { settledForm } from "../../server/src/codecs/settled-form.ts";
import { FLAG_BUY, FLAG_PRICE, PART } from "../../server/src/engine/swaps/record-view.ts";
import type { SettledRow } from "../../server/src/ports/history-store.ts";

const { FORM, CHUNK_WORDS, GROUP_WORDS, ROW_WORDS, WORD_BYTES } = settledForm;
const TWO_32 = 2 ** 32;
const LIMB = 10n ** 15n;
const ROW_BYTES_MAX = 1_024;
const ID_BYTES = 2;

class Bytes {
  readonly buffer: Buffer;
  at = 0;

  constructor(bytes: number) {
    this.buffer = Buffer.alloc(bytes);
  }

  varint(value: number): void {
    for (; value >= 128; value = Math.floor(value / 128)) this.buffer[this.at++] = (value % 128) + 128;
    this.buffer[this.at++] = value;
  }

  /** Returns the number of its bytes. The next word begins behind it. */
  text(text: string): number {
    const length = this.buffer.write(text, this.at);
    this.at += Math.ceil(length / WORD_BYTES) * WORD_BYTES;
    return length;
  }
}

/** Rows of consecutive sequences as one chunk. Rows of one token that follow each other are a group. All prices count. */
export function flatChunk(rows: readonly SettledRow[], fromSequence: number): Uint8Array<ArrayBuffer> {
  const out = new Bytes((rows.length + 1) * ROW_BYTES_MAX);
  const { buffer } = out;
  buffer.writeUInt32LE(FORM, 0);
  buffer.writeUInt32LE(rows.length, 4);
  buffer.writeDoubleLE(fromSequence, 8);
  out.at = CHUNK_WORDS * WORD_BYTES;
  for (let i = 0; i < rows.length; ) {
    const groupAt = out.at;
    const { token, chainId } = rows[i]!;
    out.at += GROUP_WORDS * WORD_BYTES;
    buffer.writeUInt32LE(out.text(token), groupAt + 20);
    let count = 0;
    for (; rows[i]?.token === token; i++, count++) writeRow(out, rows[i]!);
    buffer.writeUInt32LE(count, groupAt);
    buffer.writeUInt32LE((out.at - groupAt) / WORD_BYTES, groupAt + 4);
    buffer.writeUInt32LE(chainId, groupAt + 8);
  }
  return new Uint8Array(buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + out.at) as ArrayBuffer);
}

function writeRow(out: Bytes, row: SettledRow): void {
  const { buffer } = out;
  const start = out.at;
  const { eventTimeMs, givenPrice, amountUnits } = row;
  const tx = Buffer.from(row.txHash.slice(ID_BYTES), "hex");
  buffer.writeUInt32LE(eventTimeMs % TWO_32, start);
  buffer.writeUInt16LE(Math.floor(eventTimeMs / TWO_32), start + 8);
  buffer[start + 10] = (row.isBuy ? FLAG_BUY : 0) | (givenPrice === undefined ? 0 : FLAG_PRICE);
  buffer[start + 11] = PART.IS_TX_HEX | PART.HAS_BLOCK | PART.HAS_TX_INDEX;
  buffer[start + 15] = tx.length;
  out.at += ROW_WORDS * WORD_BYTES;
  if (givenPrice !== undefined) out.at = buffer.writeDoubleLE(givenPrice, out.at);
  out.at += tx.copy(buffer, out.at);
  for (const value of [row.logIndex, row.txIndex, row.blockNumber!, row.usdMicro]) out.varint(value);
  const amount0 = Number(amountUnits % LIMB);
  out.at = buffer.writeUIntLE(amount0 % 2 ** 32, out.at, 4);
  out.at = buffer.writeUIntLE(Math.floor(amount0 / 2 ** 32), out.at, 3);
  out.varint(Number((amountUnits / LIMB) % LIMB));
  out.varint(Number(amountUnits / LIMB / LIMB));
  const words = Math.ceil((out.at - start) / WORD_BYTES);
  buffer[start + 12] = words - ROW_WORDS;
  out.at = start + words * WORD_BYTES;
  for (const [i, text] of [row.who, row.blockHash, row.pool, row.symbol].entries()) {
    buffer[start + 4 + i] = text === undefined ? 0 : out.text(text);
  }
}
