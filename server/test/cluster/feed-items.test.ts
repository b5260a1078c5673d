import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { diffMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { dataText, type FeedUpdate, type RankedRow } from "../../src/bus/responses.ts";
import { FeedReader, FeedWriter } from "../../src/cluster/feed-items.ts";
import type { Format, UpdateItem } from "../../src/cluster/protocol.ts";
import { type Random, randomFrom, seedOf } from "../support/seed.ts";

const PARTS = [{ partition: 0, epoch: "1", rev: 1 }];
const STANDING = { epoch: "1", asOf: 5, watermark: undefined, lagMs: 0, parts: PARTS };

/** Updates of a token's feed, each with its patch, or now and then whole. */
function* tokenUpdates(random: Random, count: number): Iterable<FeedUpdate> {
  let value: JsonObject = { id: "1:a" };
  for (let rev = 1; rev <= count; rev++) {
    const next: JsonObject = { ...value, [`n${random.below(5)}`]: random.below(1000) };
    const isWhole = rev === 1 || random.chance(0.1);
    const patch = isWhole ? undefined : JSON.stringify(diffMergePatch(value, next));
    yield {
      ...STANDING,
      rev,
      prevRev: isWhole ? undefined : rev - 1,
      data: JSON.stringify(next),
      patch,
      rows: undefined,
    };
    value = next;
  }
}

function* rankingUpdates(random: Random, count: number): Iterable<FeedUpdate> {
  let before: JsonObject = {};
  const values = new Map(Array.from({ length: 8 }, (_, i) => [`1:${i}`, 0]));
  for (let rev = 1; rev <= count; rev++) {
    for (let i = 0; i < 3; i++) values.set(`1:${random.below(8)}`, random.below(100));
    const best = [...values].sort((a, b) => b[1] - a[1]).slice(0, 5);
    const rows = best.map(
      ([id, value]): RankedRow => ({ key: { value: `${value}`, id }, partition: 0, json: `{"value":${value}}` }),
    );
    const data = JSON.parse(dataText({ data: undefined, rows })) as JsonObject;
    const patch = rev === 1 ? undefined : JSON.stringify(diffMergePatch(before, data));
    yield { ...STANDING, rev, prevRev: rev === 1 ? undefined : rev - 1, data: undefined, patch, rows };
    before = data;
  }
}

const overWire = (item: UpdateItem): UpdateItem => JSON.parse(JSON.stringify(item));

describe("updates of a feed between instances", () => {
  for (const format of [1, 2] as const satisfies readonly Format[]) {
    for (const [kind, make] of Object.entries({ token: tokenUpdates, ranking: rankingUpdates })) {
      test(`format ${format}, ${kind}: the reader has the same data at each revision, at any time`, (t) => {
        const random = randomFrom(seedOf(t));
        const [writer, reader] = [new FeedWriter(), new FeedReader()];
        const later: (() => void)[] = [];
        for (const sent of make(random, 200)) {
          const got = reader.take(overWire(writer.item(7, sent, format)));
          assert.ok(got !== undefined);
          assert.deepEqual([got.rev, got.epoch, got.rows?.length], [sent.rev, sent.epoch, sent.rows?.length]);
          const compare = () => assert.deepEqual(JSON.parse(dataText(got)), JSON.parse(dataText(sent)), `${sent.rev}`);
          if (random.chance(0.3)) compare();
          else later.push(compare);
        }
        for (const compare of later) compare();
        assert.equal(writer.seq, reader.seq);
      });

      test(`format ${format}, ${kind}: after a gap whole data is taken, and a difference is not`, (t) => {
        const updates = [...make(randomFrom(seedOf(t)), 12)];
        const writer = new FeedWriter();
        const items = updates.map((update) => overWire(writer.item(7, update, format)));
        const reader = new FeedReader();
        assert.ok(reader.take(items[0] as UpdateItem));
        const isPart = ({ patch, rows }: UpdateItem) =>
          patch !== undefined || rows?.some(({ json }) => json === undefined);
        const at = items.findIndex((item, i) => i >= 2 && isPart(item));
        assert.ok(at > 0);
        assert.equal(reader.take(items[at] as UpdateItem), undefined);
        const again = new FeedWriter().item(
          7,
          { ...(updates[at] as FeedUpdate), patch: undefined, prevRev: undefined },
          format,
        );
        assert.ok(reader.take({ ...overWire(again), seq: at + 5 }));
      });
    }
  }

  test("only rows that are new or changed carry their texts in format 2", () => {
    const writer = new FeedWriter();
    const row = (id: string, value: number): RankedRow => ({
      ...{ key: { value: `${value}`, id }, partition: 0, json: `{"value":${value}}` },
    });
    const update = (rev: number, rows: readonly RankedRow[]): FeedUpdate => ({
      ...{ ...STANDING, rev, prevRev: undefined, data: undefined, patch: undefined, rows },
    });
    const texts = (item: UpdateItem) => item.rows?.map(({ json }) => json);
    assert.deepEqual(texts(writer.item(1, update(1, [row("a", 1), row("b", 2)]), 2)), ['{"value":1}', '{"value":2}']);
    const second = writer.item(1, update(2, [row("b", 2), row("a", 3), row("c", 4)]), 2);
    assert.deepEqual(texts(second), [undefined, '{"value":3}', '{"value":4}']);
  });
});
