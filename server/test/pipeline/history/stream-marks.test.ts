/** Marks of a stream, and what a chain does to them that begins when others have settled. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PartitionEngine } from "../../../src/engine/partition-engine.ts";
import type { EngineConfig } from "../../../src/engine/types.ts";
import { EventApplier } from "../../../src/pipeline/event-applier.ts";
import { HistoryLink } from "../../../src/pipeline/history/history-link.ts";
import { TailBudget } from "../../../src/pipeline/history/history-tail.ts";
import { SettledStream } from "../../../src/pipeline/history/settled-stream.ts";
import type { ToHistory } from "../../../src/ports/history-stream.ts";
import { START_MS } from "../../sources/embedded/log-support.ts";
import { TEST_SEED } from "../../support/hash-seed.ts";
import { CONFIG } from "../checkpoint/engine-life.ts";

const GRACE_MS = 120_000;
const HORIZON_MS = 600_000;
const MINUTE_MS = 60_000;
/** At a whole minute, so that the limits are those of the marks. */
const HIGH_MS = START_MS + 7_200_000;
const LIMITS: EngineConfig = { ...CONFIG, graceMs: GRACE_MS, reorgHorizonMs: HORIZON_MS };

class Followed {
  readonly sent: ToHistory[] = [];
  #clockMs = 0;
  readonly #stream: SettledStream;
  readonly #events: EventApplier;

  constructor() {
    const engine = new PartitionEngine(LIMITS, TEST_SEED);
    const link = new HistoryLink({ postMessage: (message) => this.sent.push(message), on: () => {}, close: () => {} });
    const parts = { link, budget: new TailBudget(1_000_000), monotonicMs: () => this.#clockMs };
    const key = { logId: "log", partition: 0, epoch: 1 };
    this.#stream = new SettledStream(parts, engine, { key, fromMs: 0, durable: 0, durableMarkMs: 0 });
    this.#events = new EventApplier(engine, () => {});
  }

  swap(chainId: number, eventTimeMs: number): void {
    const token = "0x6982508145454ce325ddbe47a25d4ec3d2311933";
    const hash = `0x${(chainId * 10 ** 14 + eventTimeMs).toString(16).padStart(64, "0")}`;
    const amounts = { amount_usd: "10", amount_token: "1", side: "buy" };
    const event = {
      chain_id: chainId,
      token,
      tx_hash: hash,
      log_index: 0,
      event_time: eventTimeMs,
      who: token,
      ...amounts,
    };
    const bytes = Buffer.from(JSON.stringify(event));
    assert.equal(this.#events.apply(bytes, 0, bytes.length, HIGH_MS + 3_600_000, 0, 0), undefined);
    this.#events.release();
    this.#stream.afterBatch();
  }

  /** Lets time go by for so long that every scan ends. */
  scan(): void {
    this.#clockMs += 2 * MINUTE_MS;
    for (let i = 0; i < 1_000; i++) this.#stream.afterBatch();
  }

  marks(): number[] {
    return this.sent.flatMap((message) => (message.type === "mark" ? [message.mark.beforeMs] : []));
  }

  gaps(): (readonly [number, number])[] {
    return this.sent.flatMap(({ ...message }) =>
      message.type === "gap" ? [[message.gap.fromMs, message.gap.toMs] as const] : [],
    );
  }
}

/** A stream whose chain 1 has a high of HIGH_MS and a mark. */
function marked(): Followed {
  const followed = new Followed();
  for (let ms = HIGH_MS - 3_600_000; ms <= HIGH_MS; ms += 30_000) followed.swap(1, ms);
  followed.scan();
  assert.deepEqual(followed.marks(), [HIGH_MS - HORIZON_MS - GRACE_MS]);
  return followed;
}

test("a chain whose first swap is out of order within grace makes no gap", () => {
  const followed = marked();
  followed.swap(10, HIGH_MS - GRACE_MS);
  assert.deepEqual(followed.gaps(), []);
});

test("a chain whose first swap lies further behind makes a gap up to the mark, and the next mark waits for it", () => {
  const followed = marked();
  followed.swap(10, HIGH_MS - GRACE_MS - 1);
  const markMs = HIGH_MS - HORIZON_MS - GRACE_MS;
  assert.deepEqual(followed.gaps(), [[markMs - MINUTE_MS, markMs]]);
  followed.swap(1, HIGH_MS + 600_000);
  followed.scan();
  assert.deepEqual(followed.marks(), [markMs]);
});
