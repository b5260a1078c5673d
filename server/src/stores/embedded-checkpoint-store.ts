/**
 * Checkpoints as files below `<data_dir>/checkpoints/p<partition>/`. A part is a file. The manifests are numbered files, and the highest
 * number is current. A new manifest is written under another name, synced, and renamed, and its folder is synced. So it is there whole or
 * not at all, and the previous one stays until the next is durable.
 *
 * Compare-and-set holds within one process, for one caller a partition. The folder lock makes this process the only one.
 */
import { join } from "node:path";
import type { CheckpointStore, StoredManifest } from "../ports/checkpoint-store.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { FileSystem } from "./file-system.ts";

export const CHECKPOINTS_FOLDER = "checkpoints";
const MANIFEST_PATTERN = /^manifest-(\d{12})$/;
const PART_PATTERN = /^[a-z0-9-]{1,100}\.part$/;
const PART_SUFFIX = ".part";
const TEMPORARY_NAME = "manifest.new";
/** The current manifest and the previous one. */
const MANIFESTS_KEPT = 2;
const NO_BYTES = new Uint8Array(0);

/** Returns the file name of a manifest. */
export function manifestName(number: number): string {
  return `manifest-${String(number).padStart(12, "0")}`;
}

/** Returns the numbers of the manifests among these names, ascending. */
export function manifestNumbers(names: readonly string[]): number[] {
  const numbers: number[] = [];
  for (const name of names) {
    const match = MANIFEST_PATTERN.exec(name);
    if (match !== null) numbers.push(Number(match[1]));
  }
  return numbers.sort((a, b) => a - b);
}

/** Returns the partitions that have a folder below `checkpoints/`, ascending. `names` are the entries of that folder. */
export function checkpointPartitions(names: readonly string[]): number[] {
  const found = names.flatMap((name) => /^p(\d{1,4})$/.exec(name)?.[1] ?? []);
  return found.map(Number).sort((a, b) => a - b);
}

export function partitionFolder(dataDir: string, partition: number): string {
  return join(dataDir, CHECKPOINTS_FOLDER, `p${partition}`);
}

export class EmbeddedCheckpointStore implements CheckpointStore {
  readonly #dataDir: string;
  readonly #fs: FileSystem;
  /** Partitions whose folder is known to be durable. */
  readonly #ready = new Set<number>();

  constructor(dataDir: string, fs: FileSystem) {
    this.#dataDir = dataDir;
    this.#fs = fs;
  }

  async readManifest(partition: number): Promise<StoredManifest | undefined> {
    const numbers = await this.#manifests(partition);
    const current = numbers.at(-1);
    if (current === undefined) return undefined;
    const version = String(current);
    try {
      return { bytes: (await this.#read(partition, manifestName(current))) ?? NO_BYTES, version };
    } catch (error) {
      if (!(error instanceof SwapstatsError)) throw error;
      return { bytes: NO_BYTES, version, unreadable: error };
    }
  }

  async readPreviousManifest(partition: number): Promise<Uint8Array | undefined> {
    const previous = (await this.#manifests(partition)).at(-2);
    return previous === undefined ? undefined : this.#read(partition, manifestName(previous));
  }

  async swapManifest(partition: number, bytes: Uint8Array, expected: string | undefined): Promise<string> {
    const numbers = await this.#manifests(partition);
    const current = numbers.at(-1);
    if ((current === undefined ? undefined : String(current)) !== expected) {
      throw new SwapstatsError(
        "checkpoint_conflict",
        `The manifest of partition ${partition} is version ${current ?? "none"} and not ${expected ?? "none"}: another owner wrote it.`,
      );
    }
    const folder = this.#folder(partition);
    const next = (current ?? 0) + 1;
    await this.#call(`write the manifest of partition ${partition}`, async () => {
      const temporary = join(folder, TEMPORARY_NAME);
      await this.#fs.write(temporary, bytes);
      await this.#fs.sync(temporary);
      await this.#fs.rename(temporary, join(folder, manifestName(next)));
      await this.#fs.syncFolder(folder);
    });
    await this.#dropOldManifests(folder, [...numbers, next]);
    return String(next);
  }

  async putPart(partition: number, name: string, bytes: Uint8Array): Promise<void> {
    const folder = this.#folder(partition);
    await this.#call(`write the checkpoint part ${name} of partition ${partition}`, async () => {
      await this.#makeReady(partition);
      const path = join(folder, partFile(name));
      await this.#fs.write(path, bytes);
      await this.#fs.sync(path);
      await this.#fs.syncFolder(folder);
    });
  }

  getPart(partition: number, name: string): Promise<Uint8Array | undefined> {
    return this.#read(partition, partFile(name));
  }

  async listParts(partition: number): Promise<string[]> {
    const names = await this.#names(partition);
    return names.filter((name) => PART_PATTERN.test(name)).map((name) => name.slice(0, -PART_SUFFIX.length));
  }

  deletePart(partition: number, name: string): Promise<void> {
    const path = join(this.#folder(partition), partFile(name));
    return this.#call(`remove the checkpoint part ${name} of partition ${partition}`, () => this.#fs.remove(path));
  }

  async close(): Promise<void> {
    this.#ready.clear();
  }

  #folder(partition: number): string {
    return partitionFolder(this.#dataDir, partition);
  }

  async #makeReady(partition: number): Promise<void> {
    if (this.#ready.has(partition)) return;
    await this.#fs.makeFolder(this.#folder(partition));
    await this.#fs.syncFolder(join(this.#dataDir, CHECKPOINTS_FOLDER));
    await this.#fs.syncFolder(this.#dataDir);
    this.#ready.add(partition);
  }

  async #names(partition: number): Promise<string[]> {
    const folder = this.#folder(partition);
    return this.#call(`read the checkpoints of partition ${partition}`, async () => {
      await this.#makeReady(partition);
      return this.#fs.list(folder);
    });
  }

  async #manifests(partition: number): Promise<number[]> {
    return manifestNumbers(await this.#names(partition));
  }

  #read(partition: number, name: string): Promise<Uint8Array | undefined> {
    const path = join(this.#folder(partition), name);
    return this.#call(`read ${path}`, () => this.#fs.read(path));
  }

  /** Removes older manifests. One that cannot be removed does no harm: the next swap tries again. */
  async #dropOldManifests(folder: string, numbers: readonly number[]): Promise<void> {
    for (const number of numbers.slice(0, -MANIFESTS_KEPT)) {
      try {
        await this.#fs.remove(join(folder, manifestName(number)));
      } catch {
        return;
      }
    }
  }

  async #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      const message = `Cannot ${what}: ${text}. Check the disk of data_dir.`;
      throw new SwapstatsError("storage_failed", message, { cause, retryable: true });
    }
  }
}

/** Returns the file name of a part. Throws `internal` for a text that cannot be a part's name. */
export function partFile(name: string): string {
  const file = name + PART_SUFFIX;
  if (!PART_PATTERN.test(file)) throw new SwapstatsError("internal", `"${name}" is no name of a checkpoint part`);
  return file;
}
