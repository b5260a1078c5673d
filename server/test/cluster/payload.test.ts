import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeMessage, encodeItem, encodeItems } from "../../src/cluster/payload.ts";
import type { Format, ItemType, ItemTypes } from "../../src/cluster/protocol.ts";

const BODY = '"id":"1:é","symbol":"\\"q\\"","windows":{}';
const PART = { partition: 3, epoch: "17", rev: 5 };
const FOUND = { ...PART, asOf: 9, watermark: 8, lagMs: 0, body: BODY };
const LOOKUP = { tier: "id", ids: ["1:é"] } as const;
const KEY = { value: "12.5", id: "1:é" };

/** One item of each kind that carries figures, and some that carry none. */
const ITEMS: { readonly [T in ItemType]?: readonly ItemTypes[T][] } = {
  answers: [
    {
      id: 1,
      covers: [[3, "17"]],
      answer: {
        asOf: 9,
        items: [
          { lookup: LOOKUP, found: FOUND },
          { lookup: null, found: undefined },
        ],
      },
    },
    { id: 2, covers: [], answer: { lookup: LOOKUP, found: { ...PART, body: BODY } } },
    { id: 3, covers: [], answer: { lookup: null, found: undefined } },
    {
      id: 4,
      covers: [],
      answer: { asOf: 9, parts: [PART], rows: [{ key: KEY, partition: 3, json: `{${BODY}}` }], more: true },
    },
    { id: 5, covers: [], answer: null },
    { id: 6, error: { code: "unavailable", message: "ask again", retryable: true } },
  ],
  updates: [
    { topicId: 1, seq: 1, epoch: "17", rev: 5, asOf: 9, watermark: 8, lagMs: 0, data: `{${BODY}}`, parts: [PART] },
    { topicId: 1, seq: 2, epoch: "17", rev: 6, prevRev: 5, asOf: 9, lagMs: 0, patch: '{"late":1}', parts: [PART] },
    {
      ...{ topicId: 2, seq: 1, epoch: "17", rev: 5, asOf: 9, lagMs: 0, parts: [PART] },
      rows: [
        { key: KEY, partition: 3, json: `{${BODY}}` },
        { key: { ...KEY, id: "1:b" }, partition: 3 },
      ],
    },
  ],
  questions: [{ id: 7, host: 0, request: { kind: "swaps", token: "1:é", limit: 5 } }],
  listen: [{ upTo: 5, topicIds: [1, 2] }],
};

const encoded = (type: ItemType, format: Format): Buffer =>
  encodeItems(
    type,
    42,
    (ITEMS[type] ?? []).map((item) => encodeItem(item, format)),
    format,
  );

describe("the content of messages between instances", () => {
  for (const format of [1, 2] as const) {
    test(`format ${format}: items arrive as they were sent`, () => {
      for (const type of Object.keys(ITEMS) as ItemType[]) {
        const message = decodeMessage(encoded(type, format), format);
        const sent = JSON.parse(JSON.stringify({ type, high: 42, items: ITEMS[type] }));
        assert.deepEqual(JSON.parse(JSON.stringify(message)), sent, type);
      }
    });
  }

  test("format 2 carries the texts of figures unchanged, and does not change the sender's items", () => {
    const content = encoded("answers", 2).toString();
    assert.equal(content.split(BODY).length - 1, 3);
    assert.equal(encoded("answers", 1).toString().includes(BODY), false);
    assert.equal(FOUND.body, BODY);
  });

  test("a content that is cut, or has wrong lengths, is no message", () => {
    const whole = encoded("updates", 2);
    for (let length = 0; length < whole.length; length++) {
      assert.equal(decodeMessage(whole.subarray(0, length), 2), undefined, `${length} bytes`);
    }
    const text = whole.toString();
    for (const lengths of ["", "x", "-1", "5,5", "99999999999"]) {
      assert.equal(decodeMessage(Buffer.from(lengths + text.slice(text.indexOf("\n"))), 2), undefined, lengths);
    }
    const head = '{"type":"updates","high":0,"items":[{"topicId":1,"seq":1,"data":0}]}';
    assert.equal(decodeMessage(Buffer.from(`${head.length}\n${head}`), 2), undefined, "a text is missing");
    for (const odd of ['{"items":3}', '{"rows":7}', "[]", '{"items":[null]}', '{"found":3}']) {
      const message = `{"type":"answers","high":0,"items":[{"id":1,"covers":[],"answer":${odd}}]}`;
      assert.doesNotThrow(() => decodeMessage(Buffer.from(`${message.length}\n${message}`), 2), odd);
    }
  });
});
