import { RunReader } from "./sort-runs.ts";
import { compareKeys } from "./swap-order.ts";

export type MergedRecord = {
  readonly key: RunReader;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
};

/** Yields the records of all runs in order, by a binary heap of readers. A record is valid until the next one is requested. */
export function* mergeRuns(paths: readonly string[]): Generator<MergedRecord> {
  const readers: RunReader[] = [];
  try {
    for (const path of paths) readers.push(new RunReader(path));
    // The index of a run is its rank among equal keys, because runs are in the order of the input.
    const heap = readers.flatMap((reader, rank) => (reader.next() ? [{ reader, rank }] : []));
    for (let at = (heap.length >> 1) - 1; at >= 0; at--) siftDown(heap, at);
    while (heap.length > 0) {
      const { reader } = heap[0] as Entry;
      yield { key: reader, bytes: reader.bytes, start: reader.start, end: reader.end };
      if (!reader.next()) {
        const last = heap.pop() as Entry;
        if (heap.length === 0) return;
        heap[0] = last;
      }
      siftDown(heap, 0);
    }
  } finally {
    for (const reader of readers) reader.close();
  }
}

type Entry = { readonly reader: RunReader; readonly rank: number };

function goesBefore(a: Entry, b: Entry): boolean {
  const order = compareKeys(a.reader, b.reader);
  return order < 0 || (order === 0 && a.rank < b.rank);
}

function siftDown(heap: Entry[], from: number): void {
  let at = from;
  for (;;) {
    const left = at * 2 + 1;
    if (left >= heap.length) return;
    const right = left + 1;
    const child = right < heap.length && goesBefore(heap[right] as Entry, heap[left] as Entry) ? right : left;
    if (!goesBefore(heap[child] as Entry, heap[at] as Entry)) return;
    [heap[at], heap[child]] = [heap[child] as Entry, heap[at] as Entry];
    at = child;
  }
}
