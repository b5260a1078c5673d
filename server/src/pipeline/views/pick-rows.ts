/** Merges the ordered tokens of several partitions into one order. */
import type { ServedPartition } from "./served-partition.ts";

/** A row of a page before it is made. */
export type Picked = { readonly home: ServedPartition; readonly index: number };

/** The next token of a partition, and those behind it. */
type Head = { readonly home: ServedPartition; readonly walk: Iterator<number, unknown>; index: number };

/** Returns the head of a partition; none if it has no token. */
export function headOf(home: ServedPartition, walk: Iterator<number, unknown>): Head[] {
  const first = walk.next();
  return first.done === true ? [] : [{ home, walk, index: first.value }];
}

/** Returns the first `count` tokens. `compare` compares two partitions' next tokens; 0: the ids decide. */
export function pickRows(given: readonly Head[], compare: (a: Head, b: Head) => number, count: number): Picked[] {
  const heads = [...given];
  const picked: Picked[] = [];
  // If several partitions have a token, the first row counts until one partition is chosen for it.
  const known = new Set<string>();
  while (heads.length > 0 && picked.length < count) {
    let best = heads[0] as Head;
    for (const head of heads) {
      if (head === best) continue;
      const byKey = compare(head, best);
      if (byKey < 0 || (byKey === 0 && head.home.views.idAt(head.index) < best.home.views.idAt(best.index)))
        best = head;
    }
    const id = heads.length === 1 && known.size === 0 ? undefined : best.home.views.idAt(best.index);
    if (id === undefined || !known.has(id)) picked.push({ home: best.home, index: best.index });
    if (id !== undefined) known.add(id);
    const next = best.walk.next();
    if (next.done === true) heads.splice(heads.indexOf(best), 1);
    else best.index = next.value;
  }
  return picked;
}
