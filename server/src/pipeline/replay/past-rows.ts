/** Reads settled swaps in the order of time, a little ahead of their use. */
import type { HistoryReader, SettledRow } from "../../ports/history-store.ts";

/** All swaps up to `toMs` (inclusive) are in these rows, or in earlier ones. */
type PastRows = { readonly rows: readonly SettledRow[]; readonly toMs: number };

type PastRowsOptions = {
  readonly history: Pick<HistoryReader, "rows">;
  readonly fromMs: number;
  /** Returns the end of what is to be read, exclusive. It may grow meanwhile. */
  readonly endMs: () => number;
  /** Time of one query. A query is not left open for as long as a slow clock takes. */
  readonly spanMs: number;
  readonly signal: AbortSignal;
};

/** Yields up to `endMs`. While rows are used, the next ones are being read. Rejects with the signal's reason, and as the store does. */
export async function* pastRows(options: PastRowsOptions): AsyncGenerator<PastRows, void> {
  const source = inOrder(options);
  let next = source.next();
  try {
    for (;;) {
      const { value, done } = await next;
      if (done === true) return;
      next = source.next();
      // It is awaited in the next round, if there is one.
      next.catch(() => {});
      yield value;
    }
  } finally {
    await next.catch(() => {});
    await source.return();
  }
}

async function* inOrder({
  history,
  endMs,
  spanMs,
  signal,
  ...options
}: PastRowsOptions): AsyncGenerator<PastRows, void> {
  let { fromMs } = options;
  while (fromMs < endMs()) {
    const toMs = Math.min(fromMs + spanMs, endMs());
    // Swaps of the last millisecond, of which more may follow.
    let held: readonly SettledRow[] = [];
    for await (const batch of history.rows({ fromMs, toMs }, undefined, [], signal)) {
      const lastMs = batch.at(-1)?.eventTimeMs;
      if (lastMs === undefined) continue;
      const all = [...held, ...batch];
      const end = all.findIndex((row) => row.eventTimeMs === lastMs);
      held = all.slice(end);
      if (end > 0) yield { rows: all.slice(0, end), toMs: lastMs - 1 };
    }
    signal.throwIfAborted();
    yield { rows: held, toMs: toMs - 1 };
    fromMs = toMs;
  }
}
