/** What tests of failing stores have in common. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { CheckpointStore } from "../../src/ports/checkpoint-store.ts";

export const toBytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);

/** Every call of the store ends, with `storage_failed`, which may be tried again, and a message like this. */
export async function assertAllFail(store: CheckpointStore, message: RegExp): Promise<void> {
  const calls: readonly (() => Promise<unknown>)[] = [
    () => store.readManifest(0),
    () => store.readPreviousManifest(0),
    () => store.swapManifest(0, toBytes("x"), undefined),
    () => store.putPart(0, "base-9-9", toBytes("x")),
    () => store.getPart(0, "base-9-9"),
    () => store.listParts(0),
    () => store.deletePart(0, "base-9-9"),
  ];
  for (const call of calls) await assert.rejects(call, { code: "storage_failed", retryable: true, message });
}

/** Calls until it succeeds, as the checkpointer does; any other error than `storage_failed` fails the test. */
export async function untilItWorks<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      assert.equal((error as { code?: string }).code, "storage_failed", String(error));
      await pause(50);
    }
  }
}

/** Writes one more manifest after the stored one, like a caller that does not know whether its swap was applied. */
export async function swapOnTop(store: CheckpointStore, text: string): Promise<string> {
  return untilItWorks(async () => {
    const stored = await store.readManifest(0);
    if (textOf(stored?.bytes) === text) return stored!.version;
    return store.swapManifest(0, toBytes(text), stored?.version);
  });
}
