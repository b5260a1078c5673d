/**
 * What the records of the checkpoint topic mean. A manifest is swapped by appending a record that names the one it replaces; whether
 * it took effect follows from the order of the log alone: **a record is valid if it names the last valid one before it.** All
 * readers see one order, so all come to one verdict, and of two that name the same the first wins.
 *
 * Compaction takes records away, and the verdict must stay. It takes only what a tombstone has doomed, and tombstones are written in
 * one batch with a manifest record, by a writer that knows that record's predecessor C as current, and P as the one before C:
 * of all records before P first the invalid ones, then the valid ones in their order. From that it follows:
 *
 *   1. No tombstone ever falls on the current manifest or the one before it, whoever writes it, and however late: what a writer once
 *      saw before P stays before P, and the current one only moves on. A zombie can do no more than doom again what is doomed.
 *   2. Of the valid records those that have a tombstone come before all others, and so do the invalid ones before the first of
 *      those: a reader that sees nothing of what is doomed has to know its first valid record, and can go on from there.
 *   3. It knows the first one by this: either it replaced none; or what it replaced, C', has a tombstone, which came in one batch with a
 *      record that names the second one behind C'. Of all that name that one the first is valid; so two valid ones follow, at
 *      every end of a batch. A record that names something which never was in this log (its writer remembers a topic that was made
 *      anew, or an end that was lost) is followed by none, since its own writer reads the same verdict.
 *
 * A reader may see doomed records or not: it passes over them. It may not stop before a tombstone whose record it could not see any more,
 * so what was read counts only once the end of the log was reached (`LoggedIndex`).
 *
 * All this holds for a log that loses no acknowledged record. Where an election of a leader without them loses some, readers still
 * agree with each other, and what they find is a state that some owner had, or none; see checkpoint-stores.md.
 */
import { type PartValue, readIndexKey, readManifestValue, readPartValue } from "./checkpoint-format.ts";

/** Of a batch; what is left goes with the next one. */
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
  /** Of its first record. */
  readonly begunOffset: number;
  /** Of its last record. */
  readonly offset: number;
  readonly whole: PartValue["whole"];
};

type PartName = { readonly name: string; readonly attempt: string };

/** The valid ones among records in the order of the log, from the first on that is known to be valid. */
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

/** What one partition of swaps has in the store. */
export class PartitionIndex {
  /** Without those that have a tombstone. Ascending by offset. */
  #manifests: ManifestRecord[] = [];
  /** By name, and by the key of the attempt. */
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

  /** The record, if it is valid. Unknown: it is gone, because two others are valid by now, or others that won; or it was never there. */
  verdictOf(id: string): ManifestRecord | "invalid" | "unknown" {
    const valid = this.#valid.find((record) => record.id === id);
    if (valid !== undefined) return valid;
    return this.#manifests.some((record) => record.id === id) ? "invalid" : "unknown";
  }

  /** What the next manifest's batch dooms, in this order. */
  doomed(): string[] {
    const before = this.previous?.offset ?? 0;
    const old = this.#manifests.filter(({ offset }) => offset < before);
    const valid = new Set(this.#valid);
    const ordered = [...old.filter((record) => !valid.has(record)), ...old.filter((record) => valid.has(record))];
    return ordered.slice(0, DOOMED_MAX).map(({ key }) => key);
  }

  /** The newest attempt at this part that is whole. */
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

  /** Attempts that were begun before this offset and are of no use: not whole, or with a later one in their place. */
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
    // What was read before a failure may be read again.
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

/** What one partition of the topic holds, for all partitions of swaps that share it. */
export class CheckpointIndex {
  readonly #partitions = new Map<number, PartitionIndex>();

  of(partition: number): PartitionIndex {
    const known = this.#partitions.get(partition);
    if (known !== undefined) return known;
    const added = new PartitionIndex();
    this.#partitions.set(partition, added);
    return added;
  }

  /** The next record of the log. Throws where it was written by a newer version. */
  note(offset: number, key: string, value: Buffer | undefined): void {
    const read = readIndexKey(key);
    if (read === undefined) return;
    const index = this.of(read.partition);
    if (read.kind === "manifest") index.noteManifest(key, read.id, offset, value);
    else index.notePart(key, read, offset, value);
  }
}
