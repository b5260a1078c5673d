/**
 * Swaps the manifest of one partition, removes the parts that no manifest needs any more, and knows from which offset the log must be
 * kept. Two manifests count: the current one, and the previous one, which a store returns when the current one is damaged. Everything
 * that either needs is kept.
 */

import type { CheckpointStore } from "../../ports/checkpoint-store.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { Manifest } from "./manifest.ts";
import { decodeManifest, emptyManifest, encodeManifest, neededLogOffset, partNames } from "./manifest.ts";

type Stored = { readonly manifest: Manifest; readonly version: string };

export class ManifestKeeper {
  readonly #store: CheckpointStore;
  readonly #partition: number;
  #current: Manifest;
  #before: Manifest;
  /** Undefined after a swap that failed: the store may or may not have taken it. */
  #version: string | undefined;
  #hasLostParts = false;
  /** The epoch of a new claim whose outcome is not known. */
  #claiming: number | undefined;
  /** The epoch in the names of the parts that this owner writes. */
  readonly #firstEpoch: number;
  readonly #garbage = new Set<string>();
  #hasSwept = false;

  /** `claimed` is the manifest that this owner's claim wrote, and `version` the store's version of it. */
  constructor(store: CheckpointStore, claimed: Manifest, version: string) {
    this.#store = store;
    this.#partition = claimed.partition;
    this.#current = claimed;
    this.#before = claimed;
    this.#version = version;
    this.#firstEpoch = claimed.epoch;
  }

  get current(): Manifest {
    return this.#current;
  }

  /** The first offset of the log that one of the two manifests needs; undefined: all of it. */
  get neededLogOffset(): number | undefined {
    const current = neededLogOffset(this.#current);
    const before = neededLogOffset(this.#before);
    return current === undefined || before === undefined ? undefined : Math.min(current, before);
  }

  /** Whether the current manifest needs less of the log than the previous one: one more swap would free some of it. */
  get isHeldByOlder(): boolean {
    const current = neededLogOffset(this.#current);
    return current !== undefined && current > (neededLogOffset(this.#before) ?? -1);
  }

  /**
   * Whether the last swap failed because the store lacks parts that were written to it: it was emptied, or set back. These parts must
   * not be named again, and a new image has to be written.
   */
  get hasLostParts(): boolean {
    return this.#hasLostParts;
  }

  /**
   * Makes this the current manifest. Rejects with `checkpoint_conflict` when another owner has claimed the partition, and with
   * `storage_failed` when it is not known whether it was written; the same or a later one may then be swapped again.
   */
  async swap(manifest: Manifest): Promise<void> {
    const bytes = encodeManifest(manifest);
    const known = this.#version;
    this.#version = undefined;
    this.#hasLostParts = false;
    this.#version =
      known === undefined ? await this.#look(manifest, bytes) : await this.#swapOrLook(manifest, bytes, known);
    const needed = new Set([...partNames(manifest), ...partNames(this.#current)]);
    for (const name of partNames(this.#before)) if (!needed.has(name)) this.#garbage.add(name);
    this.#before = this.#current;
    this.#current = manifest;
    await this.#removeGarbage(needed);
  }

  /**
   * Rejects with `checkpoint_conflict` when another owner has claimed the partition. A store that has lost the claim, because it was
   * emptied or set back, may have lost a later claim of another owner with it. The partition is then claimed again, with an epoch
   * greater than any before, and this returns true. Parts that were written before must not be named again.
   */
  async checkClaim(nowMs: number): Promise<boolean> {
    const stored = await this.#readClaim();
    if (stored?.manifest.epoch === this.#current.epoch) return false;
    const { partition, owner, epoch: before } = this.#current;
    const epoch = Math.max(before + 1, (stored?.manifest.epoch ?? 0) + 1, nowMs);
    this.#claiming = epoch;
    const manifest: Manifest = { ...(stored?.manifest ?? emptyManifest(partition, nowMs)), epoch, owner };
    this.#version = await this.#store.swapManifest(partition, encodeManifest(manifest), stored?.version);
    this.#current = manifest;
    this.#before = manifest;
    return true;
  }

  /** Notes parts that were written and will be in no manifest. */
  discard(names: Iterable<string>): void {
    for (const name of names) this.#garbage.add(name);
  }

  /** A version that does not match may come from this owner's own swap, if its outcome was reported wrongly. */
  async #swapOrLook(manifest: Manifest, bytes: Uint8Array, expected: string): Promise<string> {
    try {
      return await this.#store.swapManifest(this.#partition, bytes, expected);
    } catch (error) {
      if (!(error instanceof SwapstatsError) || error.code !== "checkpoint_conflict") throw error;
      return this.#look(manifest, bytes);
    }
  }

  /**
   * Swaps any stored manifest that is not a later owner's. A store that has another manifest than the one written last may have lost
   * parts too. If the manifest named them, a restore would find a damaged checkpoint, after the log was released for it.
   */
  async #look(manifest: Manifest, bytes: Uint8Array): Promise<string> {
    const stored = await this.#readClaim();
    if (stored?.manifest.epoch !== this.#current.epoch) throw this.#lost("its claim");
    const there = new Set(await this.#store.listParts(this.#partition));
    const lost = [...partNames(manifest)].filter((name) => !there.has(name)).length;
    if (lost === 0) return this.#store.swapManifest(this.#partition, bytes, stored.version);
    throw this.#lost(`${lost} parts`);
  }

  #lost(what: string): SwapstatsError {
    this.#hasLostParts = true;
    const message =
      `The checkpoint store has lost ${what} of partition ${this.#partition}: it was emptied, or set back to an earlier state. ` +
      "A new image is being written.";
    return new SwapstatsError("storage_failed", message, { retryable: true });
  }

  /**
   * Returns the stored manifest, unless it is a later owner's: each claim has a greater epoch than all before it. A manifest that
   * cannot be read might hide a claim, so it counts as one.
   */
  async #readClaim(): Promise<Stored | undefined> {
    const stored = await this.#store.readManifest(this.#partition);
    if (stored === undefined) return undefined;
    if (stored.unreadable !== undefined) throw stored.unreadable;
    const decoded = decodeManifest(stored.bytes, this.#partition);
    if (
      decoded.kind === "good" &&
      (decoded.manifest.epoch <= this.#current.epoch || this.#isOwnClaim(decoded.manifest))
    ) {
      return { manifest: decoded.manifest, version: stored.version };
    }
    const message = `Partition ${this.#partition} was claimed by another owner, so this instance stops writing its checkpoints.`;
    throw new SwapstatsError("checkpoint_conflict", message);
  }

  /** Recognises a claim of this owner that was reported as failed and was stored. */
  #isOwnClaim({ epoch, owner }: Manifest): boolean {
    return epoch === this.#claiming && owner === this.#current.owner;
  }

  /** Removes unused parts. A part that cannot be removed now is removed after the next swap, or by the next owner. */
  async #removeGarbage(needed: ReadonlySet<string>): Promise<void> {
    try {
      if (!this.#hasSwept) await this.#sweep(needed);
      for (const name of this.#garbage) {
        if (!needed.has(name)) await this.#store.deletePart(this.#partition, name);
        this.#garbage.delete(name);
      }
    } catch {
      return;
    }
  }

  /** Runs once for an owner: finds parts that earlier owners wrote and never named, or could not remove. */
  async #sweep(needed: ReadonlySet<string>): Promise<void> {
    for (const name of await this.#store.listParts(this.#partition)) {
      // Parts of a later owner are left alone: it may have claimed the partition a moment ago.
      if (!needed.has(name) && (epochOfPart(name) ?? Number.POSITIVE_INFINITY) < this.#firstEpoch)
        this.#garbage.add(name);
    }
    this.#hasSwept = true;
  }
}

/** Returns the prefix of part names. It holds the epoch of the writer, so that no two owners write the same name. */
export function partPrefix(epoch: number): string {
  return `-${epoch}-`;
}

function epochOfPart(name: string): number | undefined {
  const digits = /^[a-z]+-(\d+)-/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
