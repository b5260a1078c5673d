/** Takes from a batch what the store does not have yet. */
import { settledChunkOf } from "../../../codecs/settled-form.ts";
import type {
  HistoryBatch,
  SequenceRange,
  SettledBatch,
  SettledMark,
  StreamKey,
} from "../../../ports/history-store.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { isSameStream } from "../valid-spans.ts";
import type { Catalog, CatalogStream } from "./catalog.ts";
import type { FreshRows } from "./load-rows.ts";
import { missingIn, withRange } from "./ranges.ts";

export type Fresh = {
  readonly rows: readonly FreshRows[];
  /** What the streams of the rows hold with them. */
  readonly held: ReadonlyMap<number, readonly SequenceRange[]>;
  readonly marks: ReadonlyMap<CatalogStream, SettledMark>;
};

/** Throws `internal` for a stream that has not begun. */
export function freshOf(catalog: Catalog, batch: HistoryBatch): Fresh {
  const { streams } = catalog.snapshot();
  const find = (key: StreamKey): CatalogStream => {
    const stream = streams.find((one) => isSameStream(one, key));
    if (stream !== undefined) return stream;
    const name = `log "${key.logId}", partition ${key.partition}, epoch ${key.epoch}`;
    throw new SwapstatsError("internal", `The history has no stream of ${name}: rows came before beginStream.`);
  };
  const held = new Map<number, readonly SequenceRange[]>();
  const rows: FreshRows[] = [];
  for (const settled of batch.settled) {
    const stream = find(settled);
    const { fromSequence } = settled;
    const range = { from: fromSequence, to: fromSequence + countOf(settled) };
    const before = held.get(stream.id) ?? catalog.heldRanges(stream.id);
    for (const { from, to } of missingIn(before, range)) {
      rows.push({ stream, batch: settled, fromSequence: from, toSequence: to });
      held.set(stream.id, withRange(held.get(stream.id) ?? before, { from, to }));
    }
  }
  const marks = new Map<CatalogStream, SettledMark>();
  for (const mark of batch.marks) {
    const stream = find(mark);
    if ((marks.get(stream)?.sequence ?? -1) < mark.sequence) marks.set(stream, mark);
  }
  return { rows, held, marks };
}

function countOf(batch: SettledBatch): number {
  return batch.chunks?.reduce((sum, chunk) => sum + settledChunkOf(chunk).count, 0) ?? batch.rows.length;
}
