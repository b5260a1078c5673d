/** Claims a partition: puts a greater epoch into its manifest, so that no earlier owner can write any more. */
import { SwapstatsError } from "../../shared/errors.ts";
import type { Manifest } from "./manifest.ts";
import { decodeManifest, emptyManifest, encodeManifest, formatOf, MANIFEST_FORMAT } from "./manifest.ts";
import type { RestorableEngine, RestoreOptions } from "./restore-options.ts";

type ClaimOptions = Pick<
  RestoreOptions<RestorableEngine>,
  "store" | "isStoreExclusive" | "partition" | "owner" | "nowMs"
>;

/**
 * Writes the stored manifest, or an empty one, with a greater epoch. Adds a sentence to `problems` for each manifest that is damaged
 * or cannot be read. Rejects with `checkpoint_conflict` when another owner claims at the same time, with `checkpoint_incompatible` when
 * the manifest has a newer format, and with `storage_failed`.
 */
export async function claimPartition(
  options: ClaimOptions,
  problems: string[],
): Promise<{ manifest: Manifest; version: string }> {
  const { store, partition, owner, isStoreExclusive } = options;
  const stored = await store.readManifest(partition);
  let found: Manifest | undefined;
  if (stored !== undefined) {
    const { bytes, unreadable } = stored;
    if (unreadable === undefined) found = readable(bytes, partition, problems, "The manifest");
    else problems.push(`The manifest of partition ${partition}'s checkpoint cannot be read: ${unreadable.message}`);
    if (found === undefined) {
      const previous = await store.readPreviousManifest(partition);
      if (previous !== undefined) found = readable(previous, partition, problems, "The previous manifest");
    }
    // As with images, the manifest may be undamaged, and the disk may work again.
    if (found === undefined && unreadable !== undefined) throw unreadable;
  }
  const nowMs = options.nowMs();
  const epoch = Math.max((found?.epoch ?? 0) + 1, nowMs);
  const base = found ?? emptyManifest(partition, nowMs);
  const manifest: Manifest = { ...base, format: formatOf(base.deltas), epoch, owner };
  try {
    const version = await store.swapManifest(partition, encodeManifest(manifest), stored?.version);
    return { manifest, version };
  } catch (error) {
    const mayWait = isStoreExclusive && error instanceof SwapstatsError && error.code === "storage_failed";
    if (!mayWait || stored === undefined) throw error;
    // The checkpointer's next write replaces the stored manifest, and holds the claim.
    return { manifest, version: stored.version };
  }
}

function readable(bytes: Uint8Array, partition: number, problems: string[], what: string): Manifest | undefined {
  const decoded = decodeManifest(bytes, partition);
  if (decoded.kind === "good") return decoded.manifest;
  if (decoded.kind === "damaged") {
    problems.push(`${what} of partition ${partition}'s checkpoint is damaged: ${decoded.reason}.`);
    return undefined;
  }
  throw new SwapstatsError(
    "checkpoint_incompatible",
    `The checkpoint of partition ${partition} has format ${decoded.format}, and this version knows formats up to ` +
      `${MANIFEST_FORMAT}. Start the version that wrote it, or a newer one.`,
  );
}
