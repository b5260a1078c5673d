/**
 * Interprets the records of the checkpoint topic. A writer swaps a manifest by appending a record that names the record it replaces. The
 * order of the log alone decides whether the swap took effect: **a record is valid if it names the last valid record before it.** All
 * readers see the same order, so they reach the same verdict. If two records name the same predecessor, the first one wins.
 *
 * The verdict must survive compaction. Compaction removes only records that have a tombstone; such a record is called doomed. A writer
 * appends tombstones in one batch with a new manifest record. It knows the current manifest C, which the new record names, and the
 * manifest P before C. It writes tombstones only for records before P: first for the invalid records, then for the valid ones in their
 * order. Three statements follow:
 *
 *   1. No tombstone ever concerns the current manifest or the one before it, whoever writes it, and however late. A record that a writer
 *      once saw before P stays before P, and the current manifest only moves forward. A zombie can only doom records again that are
 *      doomed already.
 *   2. Among the valid records, the doomed ones come before all others. Once there is one, all invalid records before the first valid
 *      record that is not doomed are doomed, too. A reader that sees no doomed record therefore only has to recognise its first valid
 *      record, and can continue from there.
 *   3. A reader recognises the first valid record in one of two ways. Either the record replaced none. Or the record that it replaced, C',
 *      has a tombstone. That tombstone came in one batch with a record that names the second valid record behind C'. The first of all
 *      records that name this second record is valid. So at the end of every batch two more valid records follow the first one. A record
 *      may also name a record that never was in this log, because its writer remembers a topic that was re-created since, or an end of
 *      the log that was lost. No record follows it, since its own writer reads the same verdict.
 *
 * A reader may or may not see doomed records: it skips them. It must not stop before a tombstone whose record it can no longer see.
 * Therefore the index is used only after the end of the log was reached (`LoggedIndex`).
 *
 * All this holds for a log that loses no acknowledged record. If an unclean leader election loses some, readers still agree with each
 * other, and they find a state that some owner had, or none; see checkpoint-stores.md.
 */
import { type PartValue, readIndexKey, readManifestValue, readPartValue } from "./checkpoint-format.ts";

/** Tombstones of manifests in one batch. The next batch has the remaining ones. */
const DOOMED_MAX = 500;

export type ManifestRecord = {
  readonly key: string;
  readonly id: string;
  readonly expected: string;
  readonly offset: number;
  readonly packed: Buffer;
};

/** One attempt at writing a part. */
export type PartEntry = {
  readonly key: string;
  readonly name: string;
  readonly attempt: string;
  readonly chunks: number;
  /** Offset of its first record. */
  readonly begunOffset: number;
  /** Offset of its last record. */
  readonly offset: number;
  readonly whole: PartValue["whole"];
};

type PartName = { readonly name: string; readonly attempt: string };

/** Returns the valid records, from the first one that is known to be valid. `records` are in the order of the log. */
export function validChain(records: readonly ManifestRecord[]): readonly ManifestRecord[] {
  for (const [start, first] of records.entries()) {
    const chain = [first];
    for (let i = start + 1; i < records.length; i++) {
      if (records[i]!.expected === chain.at(-1)!.id) chain.push(records[i]!);
    }
    if (first.expected === "" || chain.length > 2) return chain;
  }
  return [];
}

/** The manifests and parts of one partition of swaps. */
export class PartitionIndex {
  /** Manifests without a tombstone, ascending by offset. */
  #manifests: ManifestRecord[] = [];
  /** Attempts by name of the part and by key. */
  readonly #parts = new Map<string, Map<string, PartEntry>>();
  #chain: readonly ManifestRecord[] | undefined = [];

  get current(): ManifestRecord | undefined {
    return this.#valid.at(-1);
  }

  get previous(): ManifestRecord | undefined {
    return this.#valid.at(-2);
  }

  get #valid(): readonly ManifestRecord[] {
    this.#chain ??= validChain(this.#manifests);
    return this.#chain;
  }

  /**
   * Returns the record if it is valid. Returns "unknown" for a record that is not in the index: either later manifests have replaced it and
   * it was removed, or it was never in the log.
   */
  verdictOf(id: string): ManifestRecord | "invalid" | "unknown" {
    const valid = this.#valid.find((record) => record.id === id);
    if (valid !== undefined) return valid;
    return this.#manifests.some((record) => record.id === id) ? "invalid" : "unknown";
  }

  /** Returns the keys that get a tombstone in the batch of the next manifest, in this order. */
  doomed(): string[] {
    const before = this.previous?.offset ?? 0;
    const old = this.#manifests.filter(({ offset }) => offset < before);
    const valid = new Set(this.#valid);
    const ordered = [...old.filter((record) => !valid.has(record)), ...old.filter((record) => valid.has(record))];
    return ordered.slice(0, DOOMED_MAX).map(({ key }) => key);
  }

  /** Returns the newest whole attempt at this part. */
  part(name: string): PartEntry | undefined {
    let newest: PartEntry | undefined;
    for (const entry of this.attempts(name)) {
      if (entry.whole !== undefined && entry.offset > (newest?.offset ?? -1)) newest = entry;
    }
    return newest;
  }

  attempts(name: string): PartEntry[] {
    return [...(this.#parts.get(name)?.values() ?? [])];
  }

  partNames(): string[] {
    return [...this.#parts.keys()].filter((name) => this.part(name) !== undefined);
  }

  /** Returns the attempts that began before this offset and are useless: they are not whole, or a later one replaces them. */
  leftovers(before: number): PartEntry[] {
    const found: PartEntry[] = [];
    for (const name of this.#parts.keys()) {
      const newest = this.part(name);
      found.push(...this.attempts(name).filter((entry) => entry !== newest && entry.begunOffset < before));
    }
    return found;
  }

  noteManifest(key: string, id: string, offset: number, value: Buffer | undefined): void {
    this.#chain = undefined;
    if (value === undefined) this.#manifests = this.#manifests.filter((record) => record.key !== key);
    // After a failure the same records may be read again.
    else if ((this.#manifests.at(-1)?.offset ?? -1) < offset) {
      this.#manifests.push({ key, id, offset, ...readManifestValue(value) });
    }
  }

  notePart(key: string, { name, attempt }: PartName, offset: number, value: Buffer | undefined): void {
    const attempts = this.#parts.get(name) ?? new Map<string, PartEntry>();
    if (value === undefined) attempts.delete(key);
    else {
      const begunOffset = attempts.get(key)?.begunOffset ?? offset;
      attempts.set(key, { key, name, attempt, begunOffset, offset, ...readPartValue(value) });
    }
    if (attempts.size === 0) this.#parts.delete(name);
    else this.#parts.set(name, attempts);
  }
}

/** The index of one partition of the topic, which several partitions of swaps may share. */
export class CheckpointIndex {
  readonly #partitions = new Map<number, PartitionIndex>();

  of(partition: number): PartitionIndex {
    const known = this.#partitions.get(partition);
    if (known !== undefined) return known;
    const added = new PartitionIndex();
    this.#partitions.set(partition, added);
    return added;
  }

  /** Adds the next record of the log. Throws when a newer version has written it. */
  note(offset: number, key: string, value: Buffer | undefined): void {
    const read = readIndexKey(key);
    if (read === undefined) return;
    const index = this.of(read.partition);
    if (read.kind === "manifest") index.noteManifest(key, read.id, offset, value);
    else index.notePart(key, read, offset, value);
  }
}
