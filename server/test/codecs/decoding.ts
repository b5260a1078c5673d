/** Shared by the tests of the decoders: runs both on the same bytes, and shows events as plain values. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { DeadLetterCode } from "../../src/codecs/dead-letter-codes.ts";
import { ReferenceDecoder } from "../../src/codecs/reference-decoder.ts";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../src/engine/swaps/swap-event.ts";

/** Chains with a length of addresses. All other chains have none. */
export const TEST_CHAINS = new Map([
  [101, { addressBytes: 32 }],
  [102, { addressBytes: 1 }],
  [103, { addressBytes: 63 }],
]);

const fast = new SwapDecoder(TEST_CHAINS);
const reference = new ReferenceDecoder(TEST_CHAINS);
/** Reused as in a stream, so that values of one event would be noticed in the next. */
const fastEvent = new SwapEvent();

export type PlainEvent = Record<string, string | number | boolean | undefined>;
type Decoded = { readonly code: DeadLetterCode } | { readonly event: PlainEvent };

const TEXTS = ["token", "txHash", "eventId", "who", "pool", "symbol", "blockHash"] as const;

/** All fields of an event, with its strings as text; absent ones are undefined. */
export function plain(event: SwapEvent): PlainEvent {
  const {
    chainId,
    logIndex,
    txIndex,
    symbolDropped,
    isBuy,
    removed,
    revision,
    eventTimeMs,
    blockNumber,
    usdMicro,
    priceUsd,
  } = event;
  const { amount0, amount1, amount2 } = event;
  const values: PlainEvent = {
    chainId,
    logIndex,
    txIndex,
    symbolDropped,
    isBuy,
    removed,
    revision,
    eventTimeMs,
    blockNumber,
    usdMicro,
    priceUsd,
  };
  Object.assign(values, { amount0, amount1, amount2 });
  for (const name of TEXTS) {
    const start = event[`${name}Start`];
    const end = event[`${name}End`];
    // Byte by byte, because every byte must agree.
    values[name] = start === end ? undefined : Buffer.from(event.bytes.subarray(start, end)).toString("latin1");
  }
  return values;
}

/** Decodes with both decoders, which must agree, as a single record and as one among others. */
export function decodeBoth(record: Uint8Array | string): Decoded {
  const bytes = typeof record === "string" ? Buffer.from(record) : record;
  const before = Buffer.from('{"side":"sell"}');
  const payload = Buffer.concat([before, bytes, before]);
  const expected = result(reference, new SwapEvent(), bytes, 0, bytes.length);
  const alone = result(fast, fastEvent, bytes, 0, bytes.length);
  const amid = result(fast, fastEvent, payload, before.length, before.length + bytes.length);
  assert.equal(fast.fallbacks, 0, `an exception on ${JSON.stringify(Buffer.from(bytes).toString("latin1"))}`);
  for (const [where, actual] of [
    ["alone", alone],
    ["amid others", amid],
  ] as const) {
    if (isDeepStrictEqual(actual, expected)) continue;
    assert.deepEqual(
      actual,
      expected,
      `${where}: ${JSON.stringify(Buffer.from(bytes).toString("latin1").slice(0, 2000))}`,
    );
  }
  return expected;
}

function result(
  decoder: SwapDecoder | ReferenceDecoder,
  event: SwapEvent,
  bytes: Uint8Array,
  start: number,
  end: number,
): Decoded {
  const code = decoder.decode(bytes, start, end, event);
  return code === undefined ? { event: plain(event) } : { code };
}

export function codeOf(record: Uint8Array | string): DeadLetterCode | undefined {
  const decoded = decodeBoth(record);
  return "code" in decoded ? decoded.code : undefined;
}

export function eventOf(record: Uint8Array | string): PlainEvent {
  const decoded = decodeBoth(record);
  assert.ok("event" in decoded, `refused as ${"code" in decoded ? decoded.code : ""}: ${record}`);
  return decoded.event;
}

/** A small valid event. `fields` are JSON texts that replace its own or are appended. */
export function recordWith(fields: Record<string, string | undefined> = {}): string {
  const base: Record<string, string | undefined> = {
    chain_id: "1",
    tx_hash: '"0xab"',
    log_index: "3",
    token: '"TKN"',
    side: '"buy"',
    amount_token: '"2"',
    amount_usd: '"4"',
    event_time: "1767225600000",
  };
  const members = Object.entries({ ...base, ...fields }).filter(([, text]) => text !== undefined);
  return `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}`;
}
