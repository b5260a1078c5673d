import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  ANSWER_WITHIN_MS,
  type Failure,
  type Platform,
  type Polled,
  Poller,
  RETRY_MAX_MS,
  waitMsAfter,
} from "../../src/operations/poller.ts";

/** A page whose time is set by the test. */
class Page implements Platform {
  isVisible = true;
  timers: { readonly atMs: number; readonly call: () => void }[] = [];
  listeners = new Set<() => void>();
  #nowMs = 1_000_000;

  now = (): number => this.#nowMs;
  random = (): number => 0;
  isHidden = (): boolean => !this.isVisible;

  after = (ms: number, call: () => void): (() => void) => {
    const timer = { atMs: this.#nowMs + ms, call };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((one) => one !== timer);
    };
  };

  onHidden = (call: () => void): (() => void) => {
    this.listeners.add(call);
    return () => this.listeners.delete(call);
  };

  show(isVisible: boolean): void {
    this.isVisible = isVisible;
    for (const call of this.listeners) call();
  }

  async pass(ms: number): Promise<void> {
    this.#nowMs += ms;
    const due = this.timers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.timers = this.timers.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { call } of due) call();
    await settled();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Answer = { readonly resolve: (value: number) => void; readonly reject: (failure: Failure) => void };

async function start(page = new Page()) {
  const asked: (Answer & { readonly signal: AbortSignal })[] = [];
  const states: Polled<number>[] = [];
  const poller = new Poller<number>({
    ask: (signal) =>
      new Promise((resolve, reject) => {
        asked.push({ resolve, reject, signal });
        signal.addEventListener("abort", () => reject(new Error("aborted")));
      }),
    failureOf: (error) => error as Failure,
    everyMs: 2_000,
    platform: page,
    onChange: (polled) => states.push(polled),
  });
  await settled();
  const answer = async (value: number | Failure): Promise<void> => {
    const last = asked.at(-1) as Answer;
    if (typeof value === "number") last.resolve(value);
    else last.reject(value);
    await settled();
  };
  return { page, asked, poller, answer, last: () => states.at(-1) as Polled<number> };
}

const AWAY: Failure = { code: "unavailable", message: "away" };

describe("a poller", () => {
  test("asks at once, and again after the interval, one request at a time", async () => {
    const { page, asked, answer, last } = await start();
    assert.deepEqual([asked.length, last().nextAtMs], [1, undefined]);
    await page.pass(5_000);
    assert.equal(asked.length, 1);
    await answer(7);
    assert.deepEqual([last().value, last().failures, last().nextAtMs], [7, 0, page.now() + 2_000]);
    await page.pass(1_999);
    assert.equal(asked.length, 1);
    await page.pass(1);
    assert.equal(asked.length, 2);
  });

  test("keeps the last answer while requests fail, waits longer each time, and recovers", async () => {
    const { page, asked, answer, last } = await start();
    await answer(7);
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      await page.pass(RETRY_MAX_MS);
      await answer(AWAY);
      assert.deepEqual([last().value, last().error, last().failures], [7, AWAY, i + 1]);
      waits.push((last().nextAtMs as number) - page.now());
    }
    assert.deepEqual(waits, [2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    await page.pass(RETRY_MAX_MS);
    await answer(8);
    assert.deepEqual([last().value, last().error, last().failures], [8, undefined, 0]);
    assert.equal(asked.length, 8);
  });

  test("obeys the time that the service names", async () => {
    const { page, answer, last } = await start();
    await answer({ ...AWAY, retryAfterMs: 45_000 });
    assert.equal(last().nextAtMs, page.now() + 45_000);
  });

  test("gives a request up that is not answered", async () => {
    const { page, asked, last } = await start();
    await page.pass(ANSWER_WITHIN_MS);
    assert.equal(asked[0]?.signal.aborted, true);
    assert.deepEqual([last().error?.code, last().failures], ["timeout", 1]);
  });

  test("does not ask while the page is hidden, and asks at once when it is seen again", async () => {
    const { page, asked, answer, last } = await start();
    page.show(false);
    await answer(1);
    assert.deepEqual([last().value, last().nextAtMs], [1, undefined]);
    await page.pass(60_000);
    assert.equal(asked.length, 1);
    page.show(true);
    assert.equal(asked.length, 2);
    await answer(2);
    page.show(false);
    await page.pass(60_000);
    assert.equal(asked.length, 2);
  });

  test("a page that begins hidden asks when it is seen", async () => {
    const page = new Page();
    page.isVisible = false;
    const { asked } = await start(page);
    assert.equal(asked.length, 0);
    page.show(true);
    assert.equal(asked.length, 1);
  });

  test("asks now when it is told to, and not beside a request that runs", async () => {
    const { asked, poller, answer, page } = await start();
    poller.askNow();
    assert.equal(asked.length, 1);
    await answer(1);
    poller.askNow();
    assert.equal(asked.length, 2);
    await answer(2);
    assert.equal(page.timers.length, 1);
  });

  test("leaves nothing behind when it is closed", async () => {
    const { page, asked, poller, last } = await start();
    const before = last();
    poller.close();
    assert.equal(asked[0]?.signal.aborted, true);
    await settled();
    assert.deepEqual([page.timers.length, page.listeners.size, last()], [0, 0, before]);
    poller.askNow();
    await page.pass(60_000);
    assert.equal(asked.length, 1);
  });
});

test("waits are between half and all of the doubled interval, and never beyond the limit", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
      const most = Math.min(RETRY_MAX_MS, 2_000 * 2 ** failures);
      const wait = waitMsAfter(failures, 2_000, random);
      assert.ok(wait >= most / 2 && wait <= most);
    }),
  );
});
