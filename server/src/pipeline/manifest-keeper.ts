/**
 * Swaps the manifest of one partition, removes the parts that no manifest needs any more, and knows from where on the log must
 * be kept. Two manifests count: the current one and the one before it, which a store gives back when the current one is
 * damaged; what either needs stays.
 */
import { SwapstatsError } from "../shared/errors.ts";
import type { CheckpointStore } from "../stores/checkpoint-store.ts";
import type { Manifest } from "./manifest.ts";
import { decodeManifest, encodeManifest, neededLogOffset, partNames } from "./manifest.ts";

export class ManifestKeeper {
  readonly #store: CheckpointStore;
  readonly #partition: number;
  #current: Manifest;
  #before: Manifest;
  /** Undefined after a swap that failed: the store may have taken it or not. */
  #version: string | undefined;
  #hasLostParts = false;
  readonly #garbage = new Set<string>();
  #hasSwept = false;

  /** `claimed` is the manifest that this owner's claim wrote, `version` the store's for it. */
  constructor(store: CheckpointStore, claimed: Manifest, version: string) {
    this.#store = store;
    this.#partition = claimed.partition;
    this.#current = claimed;
    this.#before = claimed;
    this.#version = version;
  }

  get current(): Manifest {
    return this.#current;
  }

  /** The log is needed from here on by one of the two manifests; undefined: all of it. */
  get neededLogOffset(): number | undefined {
    const current = neededLogOffset(this.#current);
    const before = neededLogOffset(this.#before);
    return current === undefined || before === undefined ? undefined : Math.min(current, before);
  }

  /** The current manifest needs less of the log than the one before it: swapping once more would free some of it. */
  get isHeldByOlder(): boolean {
    const current = neededLogOffset(this.#current);
    return current !== undefined && current > (neededLogOffset(this.#before) ?? -1);
  }

  /**
   * The last swap failed because the store lacks parts that were written to it: it was emptied, or set back. They must not be
   * named again; a new image has to be written.
   */
  get hasLostParts(): boolean {
    return this.#hasLostParts;
  }

  /**
   * Makes this the current manifest. Rejects with `checkpoint_conflict` when another owner has claimed the partition, and with
   * `storage_failed` when it cannot be said whether it was written; then the same or a later one may be swapped again.
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

  /** Rejects with `checkpoint_conflict` when another owner has claimed the partition. */
  async checkClaim(): Promise<void> {
    await this.#readVersion();
  }

  /** These parts were written and will be in no manifest. */
  discard(names: Iterable<string>): void {
    for (const name of names) this.#garbage.add(name);
  }

  /** A version that does not match may be our own doing: a swap that was reported as failed, or as done, and was not. */
  async #swapOrLook(manifest: Manifest, bytes: Uint8Array, expected: string): Promise<string> {
    try {
      return await this.#store.swapManifest(this.#partition, bytes, expected);
    } catch (error) {
      if (!(error instanceof SwapstatsError) || error.code !== "checkpoint_conflict") throw error;
      return this.#look(manifest, bytes);
    }
  }

  /**
   * Swaps whatever stands there, if it is not of a later owner. A store that has another manifest than it was given last may have
   * lost parts too, and with them named a restore would find a damaged checkpoint, after the log was released for it.
   */
  async #look(manifest: Manifest, bytes: Uint8Array): Promise<string> {
    const version = await this.#readVersion();
    const there = new Set(await this.#store.listParts(this.#partition));
    const lost = [...partNames(manifest)].filter((name) => !there.has(name)).length;
    if (lost === 0) return this.#store.swapManifest(this.#partition, bytes, version);
    this.#hasLostParts = true;
    const message =
      `The checkpoint store has lost ${lost} parts of partition ${this.#partition}: it was emptied, or set back to an earlier state. ` +
      "A new image is being written.";
    throw new SwapstatsError("storage_failed", message, { retryable: true });
  }

  /**
   * The version that stands in the store now, unless it is of a later owner: each claim has a greater epoch than all before it.
   * A manifest that cannot be read might hide a claim, so it counts as one.
   */
  async #readVersion(): Promise<string | undefined> {
    const stored = await this.#store.readManifest(this.#partition);
    if (stored === undefined) return undefined;
    const decoded = decodeManifest(stored.bytes, this.#partition);
    if (decoded.kind === "good" && decoded.manifest.epoch <= this.#current.epoch) return stored.version;
    const message = `Partition ${this.#partition} was claimed by another owner, so this instance stops writing its checkpoints.`;
    throw new SwapstatsError("checkpoint_conflict", message);
  }

  /** What cannot be removed now is tried again at the next swap, or swept by the next owner. */
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

  /** Once an owner: finds what earlier owners wrote and never named, or could not remove. */
  async #sweep(needed: ReadonlySet<string>): Promise<void> {
    const own = partPrefix(this.#current.epoch);
    for (const name of await this.#store.listParts(this.#partition)) {
      if (!needed.has(name) && !name.includes(own)) this.#garbage.add(name);
    }
    this.#hasSwept = true;
  }
}

/** Part names hold the epoch of their writer, so that no two owners ever write the same name. */
export function partPrefix(epoch: number): string {
  return `-${epoch}-`;
}
