/** Rows of batches as bytes, in the order of SWAPS_WRITTEN and EVENTS_WRITTEN (schema.ts). */
import type { RawBatch, RawRow, SettledBatch, SettledRow, StreamKey } from "../../../ports/history-store.ts";
import { RowBinaryWriter } from "./row-binary.ts";

export function* settledBytes(batches: readonly SettledBatch[]): Generator<Uint8Array> {
  const out = new RowBinaryWriter();
  for (const { fromSequence, rows, ...stream } of batches) {
    for (const [i, row] of rows.entries()) {
      writeSwap(out, row);
      out.optionalF64(row.price);
      writeStream(out, stream);
      out.u64(fromSequence + i);
      const chunk = out.take(false);
      if (chunk !== undefined) yield chunk;
    }
  }
  yield out.take(true)!;
}

export function* rawBytes(batches: readonly RawBatch[]): Generator<Uint8Array> {
  const out = new RowBinaryWriter();
  for (const { rows, ...stream } of batches) {
    for (const row of rows) {
      writeSwap(out, row);
      out.u64(row.arrivalMs);
      out.u8(row.isRemoval ? 1 : 0);
      out.text(row.outcome);
      writeStream(out, stream);
      out.u64(row.offset);
      out.u32(row.index);
      const chunk = out.take(false);
      if (chunk !== undefined) yield chunk;
    }
  }
  yield out.take(true)!;
}

function writeSwap(out: RowBinaryWriter, row: Omit<SettledRow, "price"> | RawRow): void {
  out.u32(row.chainId);
  out.text(row.token);
  out.optionalText(row.symbol);
  out.optionalText(row.pool);
  out.optionalText(row.who);
  out.u8(row.isBuy ? 1 : 0);
  out.u128(row.amountUnits);
  out.u64(row.usdMicro);
  out.optionalF64(row.givenPrice);
  out.u64(row.eventTimeMs);
  out.text(row.txHash);
  out.u32(row.logIndex);
  out.u32(row.txIndex);
  out.text(row.eventId);
  out.optionalU64(row.blockNumber);
  out.optionalText(row.blockHash);
  out.u64(row.revision);
}

function writeStream(out: RowBinaryWriter, { logId, partition, epoch }: StreamKey): void {
  out.text(logId);
  out.u32(partition);
  out.u64(epoch);
}
