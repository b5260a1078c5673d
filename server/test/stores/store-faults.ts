/** What tests of failing stores have in common. */
import assert from "node:assert/strict";
import type { CheckpointStore } from "../../src/stores/checkpoint-store.ts";

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
