import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSharedClock, SharedClock } from "../../../src/bus/shared-clock.ts";
import { SettledRowWriter } from "../../../src/codecs/settled-row-writer.ts";
import { readSettledRows } from "../../../src/codecs/settled-rows.ts";
import { HistoryTail, TailBudget } from "../../../src/pipeline/history/history-tail.ts";
import { ownedTokensPart } from "../../../src/pipeline/views/owned-tokens.ts";
import { ServedPartition } from "../../../src/pipeline/views/served-partition.ts";
import type { SettledRow, Span, SpanSums } from "../../../src/ports/history-store.ts";
import type { OwnedPage, OwnedPart, SettledTail } from "../../../src/ports/owned-history.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { createVersionBoard, VersionBoard } from "../../../src/shared/version-board.ts";
import { Pair } from "../../engine/pair.ts";
import { rowOf } from "../../engine/settled-run.ts";
import { hostileLogs } from "../../model/arbitraries.ts";
import { propertyOptions, randomFrom } from "../../support/seed.ts";

const DAY_MS = 86_400_000;
const HOLD_MS = 30_000;
const HOUR_MS = 3_600_000;

/** The tail of an engine, whose clock stands still. */
class ClockedTail implements SettledTail {
  readonly stream = { logId: "log", partition: 0, epoch: 7 };
  readonly fromMs = 0;
  /** Every settled row: those below `durable` are in the store. */
  readonly all: SettledRow[] = [];
  durable = 0;
  nowMs = 0;
  readonly #tail = new HistoryTail(new TailBudget(2 ** 30), 0, () => this.nowMs);
  readonly #writer: SettledRowWriter;

  constructor({ engine }: Pair) {
    this.#writer = new SettledRowWriter(engine.source, 0);
    engine.watchSettled(this.#writer);
  }

  hold(): void {
    this.#tail.hold(this.durable);
  }

  rows(from: number, only: Parameters<SettledTail["rows"]>[1]) {
    this.cut();
    return { isComplete: this.#tail.from <= from, rows: this.#tail.rows(from, only) };
  }

  cut(): void {
    const chunk = this.#writer.cut();
    if (chunk === undefined) return;
    this.#tail.add(chunk);
    this.all.push(...readSettledRows(chunk.bytes));
  }

  makeDurable(sequence: number): void {
    this.durable = sequence;
    this.#tail.dropBelow(sequence);
  }
}

type Counts = readonly [number, number, bigint, bigint, bigint, bigint];
const NONE: Counts = [0, 0, 0n, 0n, 0n, 0n];

const plus = (a: Counts, b: Counts): Counts => [
  a[0] + b[0],
  a[1] + b[1],
  a[2] + b[2],
  a[3] + b[3],
  a[4] + b[4],
  a[5] + b[5],
];
const countsOf = ({ isBuy, usdMicro, amountUnits }: SettledRow): Counts =>
  isBuy ? [1, 0, BigInt(usdMicro), 0n, amountUnits, 0n] : [0, 1, 0n, BigInt(usdMicro), 0n, amountUnits];
const ofSums = (sums: SpanSums | undefined): Counts =>
  sums === undefined
    ? NONE
    : [sums.buys, sums.sells, sums.usdBuyMicro, sums.usdSellMicro, sums.tokenBuyUnits, sums.tokenSellUnits];
const inSpan = (rows: readonly SettledRow[], { fromMs, toMs }: Span): Counts =>
  rows
    .filter(({ eventTimeMs }) => eventTimeMs >= fromMs && eventTimeMs < toMs)
    .reduce((sum, row) => plus(sum, countsOf(row)), NONE);
const textOf = (counts: readonly Counts[]): string => counts.map(String).join(" ");
const idOf = ({ chainId, token }: { chainId: number; token: string }): string => `${chainId}:${token}`;

function serve(pair: Pair, tail: ClockedTail): ServedPartition {
  const clock = new SharedClock(createSharedClock("live", DAY_MS), () => 0);
  return new ServedPartition(0, "7", pair.engine, new VersionBoard(createVersionBoard()), clock, tail);
}

test("pages of all tokens and the rows before their edge are a state of each token, while swaps come, settle and become durable", async (t) => {
  let movedSums = 0;
  fc.assert(
    fc.property(hostileLogs(150), fc.nat(), (log, seed) => {
      const random = randomFrom(seed);
      const { pair, items } = Pair.of(log);
      const tail = new ClockedTail(pair);
      const home = serve(pair, tail);
      for (const item of items.splice(0, random.below(items.length + 1))) pair.take(item);
      const highMs = pair.engine.maxHighMs() ?? log.startMs;
      const spans = Array.from({ length: 1 + random.below(3) }, () => {
        const toMs = highMs - random.below(2 * HOUR_MS) + HOUR_MS;
        return { fromMs: Math.max(0, toMs - random.below(4 * HOUR_MS)), toMs };
      });
      const states = new Map<string, Set<string>>();
      const note = (): void => {
        for (const id of pair.model.known.keys()) {
          const rows = pair.model.counted(id).map((event) => rowOf(event, 0));
          const seen = states.get(id) ?? new Set<string>();
          states.set(id, seen.add(textOf(spans.map((span) => inSpan(rows, span)))));
        }
      };
      note();
      const before = new Set(states.keys());
      const move = (): void => {
        for (const item of items.splice(0, random.below(4))) {
          pair.take(item);
          note();
        }
        tail.cut();
        if (random.chance(0.5)) tail.makeDurable(tail.durable + random.below(tail.all.length - tail.durable + 1));
      };
      const parts: OwnedPart[] = [];
      for (let pages: OwnedPage[] = []; ; ) {
        const limit = 1 + random.below(12);
        const work = ownedTokensPart(home, { want: "tokens", tokens: [], spans, pages, limit });
        for (let step = work.next(); ; step = work.next()) {
          if (step.done === true) {
            parts.push(step.value);
            break;
          }
          if (random.chance(0.2)) move();
        }
        move();
        const { partition, owner, edge, page } = parts.at(-1) as OwnedPart;
        if (page?.next === undefined) break;
        pages = [{ partition, owner, edge, part: page.next }];
      }
      assert.ok(parts.every(({ isWhole }) => isWhole));
      const edge = parts[0]?.edge?.sequence ?? 0;
      const stored = Map.groupBy(tail.all.slice(0, edge), idOf);
      const added = parts.flatMap(({ page }) => page?.tokens ?? []);
      assert.equal(new Set(added.map(idOf)).size, added.length, "a token came twice");
      for (const [id, seen] of states) {
        const sums = added.find((one) => idOf(one) === id)?.sums ?? [];
        const found = spans.map((span, i) => plus(inSpan(stored.get(id) ?? [], span), ofSums(sums[i])));
        const isNew = !before.has(id) && textOf(found) === textOf(spans.map(() => NONE));
        assert.ok(isNew || seen.has(textOf(found)), `${id}: ${textOf(found)}\nis none of\n${[...seen].join("\n")}`);
        if (seen.size > 1) movedSums += 1;
      }
    }),
    propertyOptions(t, 150),
  );
  assert.ok(movedSums > 20, `${movedSums} tokens that changed meanwhile are too few to show anything`);
});

test("a page whose rows are no longer held is refused, and so is one of another owner", () => {
  fc.assert(
    fc.property(hostileLogs(80), (log) => {
      const { pair, items } = Pair.of(log);
      const tail = new ClockedTail(pair);
      const home = serve(pair, tail);
      for (const item of items) pair.take(item);
      tail.cut();
      fc.pre(tail.all.length > 0);
      const query = { want: "tokens", tokens: [], spans: [{ fromMs: 0, toMs: 1 }], limit: 1 } as const;
      const read = (pages: readonly OwnedPage[]): OwnedPart => {
        const work = ownedTokensPart(home, { ...query, pages });
        for (;;) {
          const { done, value } = work.next();
          if (done === true) return value;
        }
      };
      const { partition, owner, edge } = read([]);
      const next = { partition, owner, edge, part: 1 };
      tail.nowMs += HOLD_MS - 1;
      tail.makeDurable(tail.all.length);
      assert.equal(read([next]).isWhole, true);
      const isMoved = (error: unknown): boolean => error instanceof SwapstatsError && error.code === "unavailable";
      assert.throws(() => read([{ ...next, owner: "8" }]), isMoved);
      tail.nowMs += 1;
      tail.makeDurable(tail.all.length);
      assert.throws(() => read([next]), isMoved);
      // Beginning again needs none of these rows.
      assert.equal(read([]).isWhole, true);
    }),
    { numRuns: 10 },
  );
});
