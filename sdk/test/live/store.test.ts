import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ClientError } from "../../src/client-error.ts";
import { Store } from "../../src/live/store.ts";
import { Subscription } from "../../src/live/subscription.ts";

type Data = { readonly n: number };

function storeOf(): { store: Store<Data>; subscription: Subscription; set: (n: number) => void } {
  const subscription = new Subscription("market", {});
  const store = new Store<Data>(subscription, () => {});
  const set = (n: number): void => {
    const standing = { epoch: "e", rev: n, as_of: n, lag_ms: 0 };
    subscription.take({ type: "snapshot", channel: "market", ...standing, data: { n } as never }, n);
  };
  return { store, subscription, set };
}

describe("a store", () => {
  test("calls a listener at once and after each change, and the error of one disturbs no other", (t) => {
    const { store, set } = storeOf();
    const reported: unknown[] = [];
    t.mock.method(console, "error", (error: unknown) => reported.push(error));
    const seen: (Data | undefined)[] = [];
    store.subscribe(() => {
      throw new Error("a listener failed");
    });
    const stop = store.subscribe((value) => seen.push(value));
    set(1);
    stop();
    set(2);
    assert.deepEqual(seen, [undefined, { n: 1 }]);
    assert.equal(reported.length, 3);
  });

  test("tells its listeners when it gets stale, though its data stays the same", () => {
    const { store, subscription, set } = storeOf();
    set(1);
    const seen: [Data | undefined, boolean][] = [];
    store.subscribe((value) => seen.push([value, store.stale]));
    subscription.wantAgain();
    assert.deepEqual(seen, [
      [{ n: 1 }, false],
      [{ n: 1 }, true],
    ]);
    assert.equal(seen[0]?.[0], seen[1]?.[0]);
  });

  test("gives a loop the newest data, and ends it when it is closed", async () => {
    const { store, set } = storeOf();
    const seen: number[] = [];
    const loop = (async () => {
      for await (const { n } of store) {
        seen.push(n);
        if (n === 1) for (const next of [2, 3, 4]) set(next);
        if (n === 4) store.close();
      }
    })();
    set(1);
    await loop;
    assert.deepEqual(seen, [1, 4]);
  });

  test("a loop that is left releases its listener, and one that waits ends", async () => {
    const { store, set } = storeOf();
    set(1);
    for await (const { n } of store) if (n === 1) break;
    const iterator = store[Symbol.asyncIterator]();
    assert.deepEqual(await iterator.next(), { done: false, value: { n: 1 } });
    const waiting = iterator.next();
    await iterator.return?.();
    assert.equal((await waiting).done, true);
  });

  test("a loop over a store that cannot be opened fails with its problem", async () => {
    const { store, subscription } = storeOf();
    subscription.refuse(new ClientError("unknown_token", "no such token"), true);
    await assert.rejects(store[Symbol.asyncIterator]().next(), { code: "unknown_token" });
  });

  test("is ready with its first data, rejects on a problem that stays and when it is closed, and may get ready later", async () => {
    const { store, subscription, set } = storeOf();
    const first = store.ready;
    assert.equal(store.ready, first);
    subscription.refuse(new ClientError("unavailable", "away"), false);
    subscription.refuse(new ClientError("unknown_token", "no such token"), true);
    await assert.rejects(first, { code: "unknown_token" });
    await assert.rejects(store.ready, { code: "unknown_token" });
    set(1);
    assert.deepEqual(await store.ready, { n: 1 });
    const { store: closed } = storeOf();
    const waiting = closed.ready;
    closed.close();
    await assert.rejects(waiting, { code: "closed" });
    await assert.rejects(closed.ready, { code: "closed" });
    assert.equal(closed.stale, true);
  });
});
