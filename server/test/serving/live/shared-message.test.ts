import assert from "node:assert/strict";
import { test } from "node:test";
import { CachedBytes } from "../../../src/serving/live/cached-bytes.ts";
import { LIVE_LIMITS } from "../../../src/serving/live/live-limits.ts";
import type { Encoder } from "../../../src/serving/live/shared-message.ts";
import { StateFeed } from "../../../src/serving/live/state-feed.ts";

/** A door's encoder that counts its calls; its forms have `bytes` bytes. */
class CountingEncoder implements Encoder<{ text: string }> {
  used = 0;
  readonly #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }
  encode(message: { text(): string }): { text: string } {
    this.used += 1;
    return { text: message.text() };
  }
  bytesOf(): number {
    return this.#bytes;
  }
}

function feedWithData(): { feed: StateFeed; cached: CachedBytes } {
  const cached = new CachedBytes(LIVE_LIMITS.cachedBytesMax);
  const feed = new StateFeed({ windowMs: 60_000, bytesMax: 65_536 }, cached);
  const standing = { epoch: "1", asOf: 0, watermark: 0, lagMs: 0, stale: false };
  feed.accept({ ...standing, rev: 1, prevRev: undefined, data: '{"n":1}', patch: undefined }, 0, 0);
  feed.opened("token:1:a", () => {});
  return { feed, cached };
}

test("each door encodes a message once, whatever the number of its clients, and its bytes are counted once", () => {
  const { feed, cached } = feedWithData();
  const encoders = [new CountingEncoder(100), new CountingEncoder(20), new CountingEncoder(3)];
  for (let client = 0; client < 3; client += 1) {
    for (const encoder of encoders) {
      const form = feed.messageFrom(0).encodedBy(encoder);
      assert.equal(form, feed.messageFrom(0).encodedBy(encoder));
      assert.match(form.text, /^\{"type":"snapshot","channel":"token:1:a".*"data":\{"n":1\}\}$/);
    }
  }
  assert.deepEqual(
    encoders.map(({ used }) => used),
    [1, 1, 1],
  );
  assert.equal(cached.total, 123);
});

test("a message that the feed has replaced is still encoded, and not counted", () => {
  const { feed, cached } = feedWithData();
  const old = feed.messageFrom(0);
  feed.accept(
    {
      epoch: "1",
      asOf: 0,
      watermark: 0,
      lagMs: 0,
      stale: false,
      rev: 2,
      prevRev: 1,
      data: '{"n":2}',
      patch: '{"n":2}',
    },
    1,
    1,
  );
  const before = cached.total;
  assert.match(old.encodedBy(new CountingEncoder(100)).text, /"rev":1,/);
  assert.equal(cached.total, before);
});
