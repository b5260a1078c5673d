import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RECORD_BYTES_MAX } from "../../../src/codecs/limits.ts";
import { SwapDecoder } from "../../../src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../../src/engine/swaps/swap-event.ts";
import { RECORD_EVENTS_BYTES_MAX, RECORD_EVENTS_MAX } from "../../../src/mapping/limits.ts";
import { MappedEvents } from "../../../src/mapping/mapper.ts";
import { parseMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { openMapper } from "../../../src/mapping/record-mapper.ts";

const FIELDS =
  "tx_hash: h, log_index: i, token: t, side: { value: buy }, amount_token: 1, amount_usd: 1, event_time: { value: 1767225600000 }";

function map(mapping: string, text: string): { readonly outcome: string | undefined; readonly events: MappedEvents } {
  const events = new MappedEvents();
  const bytes = Buffer.from(text);
  return {
    outcome: openMapper(parseMapping(mapping, "m.yaml")).map({ bytes, start: 0, end: bytes.length }, events),
    events,
  };
}

describe("limits of mapped events", () => {
  test("a record makes at most so many events", () => {
    const mapping = `each: $.l[*]\nswaps: [{ chain_id: 1, ${FIELDS} }]`;
    const record = (count: number): string => `{"l":[${Array(count).fill('{"i":1}').join(",")}]}`;
    const most = map(mapping, record(RECORD_EVENTS_MAX));
    assert.equal(most.outcome, undefined);
    assert.equal(most.events.count, RECORD_EVENTS_MAX);
    const more = map(mapping, record(RECORD_EVENTS_MAX + 1));
    assert.equal(more.outcome, "too_many_swaps");
    assert.equal(more.events.count, 0);
  });

  test("elements for which `when` does not hold do not count", () => {
    const mapping = `each: $.l[*]\nwhen: ok == true\nswaps: [{ chain_id: 1, ${FIELDS} }, { chain_id: 2, when: i > 1, ${FIELDS} }]`;
    const items = [...Array(RECORD_EVENTS_MAX + 1).fill('{"ok":false}'), '{"ok":true,"i":1}', '{"ok":true,"i":2}'];
    const { outcome, events } = map(mapping, `{"l":[${items.join(",")}]}`);
    assert.equal(outcome, undefined);
    assert.equal(events.count, 3);
    assert.equal(events.skipped, 2 * (RECORD_EVENTS_MAX + 1) + 1);
    assert.deepEqual([...events.swapIndexes.subarray(0, 3)], [0, 0, 1]);
  });

  test("a long text that every element copies does not make events without bounds", () => {
    const mapping = `each: $.l[*]\nswaps: [{ chain_id: 1, pool: $.long, ${FIELDS} }]`;
    const record = (count: number): string =>
      `{"l":[${Array(count).fill("{}").join(",")}],"long":"${"x".repeat(100_000)}"}`;
    const fitting = Math.floor(RECORD_EVENTS_BYTES_MAX / 100_500);
    assert.equal(map(mapping, record(fitting)).outcome, undefined);
    assert.equal(map(mapping, record(fitting + 3)).outcome, "too_many_swaps");
  });

  test("an event that is longer than a record is cut between members and refused", () => {
    const mapping = `swaps: [{ chain_id: 1, pool: long, who: long, block_hash: long, token_symbol: long, ${FIELDS} }]`;
    const { events } = map(mapping, `{"long":"${"x".repeat(RECORD_BYTES_MAX - 100)}"}`);
    const end = events.ends[0]!;
    assert.ok(end > RECORD_BYTES_MAX && end < 2 * RECORD_BYTES_MAX + 1000, `${end}`);
    assert.equal(new SwapDecoder().decode(events.bytes, 0, end, new SwapEvent()), "record_too_large");
    assert.doesNotThrow(() => JSON.parse(Buffer.from(events.bytes).toString("utf8", 0, end)));
  });
});
