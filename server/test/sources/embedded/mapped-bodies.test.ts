import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { WireError } from "../../../src/shared/wire-error.ts";
import type { BodyEvents } from "../../../src/sources/embedded/log-service.ts";
import { MAPPED_BYTES_MAX, MappedBodies } from "../../../src/sources/embedded/mapped-bodies.ts";
import { StandInRegistry } from "../../support/stand-in-registry.ts";

const SWAPS =
  "swaps: [{ chain_id: 1, tx_hash: $.hash, log_index: n, token: $.hash, side: s, amount_token: 1, amount_usd: 1, event_time: 1 }]";
const NAMES = { json: `each: $.list[*]\n${SWAPS}`, avro: `format: avro\n${SWAPS}` };

type Reply = { readonly id: number; readonly count?: number; readonly error?: WireError };

async function open(t: TestContext, eventsMax: number) {
  const registry = await StandInRegistry.start();
  t.after(() => registry[Symbol.asyncDispose]());
  const texts = new Map(Object.entries(NAMES).map(([name, text]) => [name, { text, name, folder: "." }]));
  const login = { username: undefined, password: undefined, token: undefined, ca: undefined };
  const replies: Reply[] = [];
  const bodies = new MappedBodies({
    mappings: { texts, registry: { url: registry.url, ...login } },
    eventsMax,
    nowMs: Date.now,
    take: (id: number, { count }: BodyEvents) => void replies.push({ id, count }),
    refuse: (id, error) => void replies.push({ id, error }),
  });
  return { registry, bodies, replies };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const codesOf = (replies: readonly Reply[]) => replies.map(({ id, count, error }) => [id, count ?? error?.code]);

describe("bodies that are mapped", () => {
  test("are refused where their mapping does not exist, or they cannot be read as a whole", async (t) => {
    const { bodies, replies } = await open(t, 10);
    bodies.ingest(1, bytes("{}"), "other");
    bodies.ingest(2, bytes("["), "json");
    bodies.ingest(3, bytes('{"list":[]}'), "json");
    assert.deepEqual(codesOf(replies), [
      [1, "not_found"],
      [2, "bad_request"],
      [3, 0],
    ]);
  });

  test("make events up to a size, and are refused beyond it", async (t) => {
    const { bodies, replies } = await open(t, 10_000);
    // Each element repeats the text of its record twice.
    const text = "x".repeat(100_000);
    const elements = 30;
    const recordBytes = elements * (2 * text.length + 120);
    const record = JSON.stringify({ hash: text, list: Array.from({ length: elements }, (_, n) => ({ n, s: "buy" })) });
    const most = Math.floor(MAPPED_BYTES_MAX / recordBytes);
    bodies.ingest(1, bytes(Array(most).fill(record).join("\n")), "json");
    bodies.ingest(
      2,
      bytes(
        Array(most + 1)
          .fill(record)
          .join("\n"),
      ),
      "json",
    );
    assert.deepEqual(codesOf(replies), [
      [1, most * elements],
      [2, "too_large"],
    ]);
  });

  test("that wait for a schema are refused when the log is closed, and nothing of them follows", async (t) => {
    const { registry, bodies, replies } = await open(t, 10);
    const asked = Promise.withResolvers<void>();
    const responses: (() => void)[] = [];
    registry.respond = (_request, response) => {
      responses.push(() => response.end("{}"));
      asked.resolve();
    };
    bodies.ingest(1, new Uint8Array([0, 0, 0, 0, 1, 1]), "avro");
    await asked.promise;
    bodies.ingest(2, bytes('{"list":[]}'), "json");
    bodies.close();
    for (const respond of responses) respond();
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    assert.deepEqual(codesOf(replies), [
      [2, 0],
      [1, "unavailable"],
    ]);
  });
});
