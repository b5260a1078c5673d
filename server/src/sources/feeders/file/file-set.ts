/**
 * The files of one feeder, and which of them continues a position. A path names one file, or several files by a pattern or a folder.
 *
 * One file is followed through rotation. A file that was renamed is found among its siblings by its number. A file that was copied and then
 * truncated is found by a hash of bytes that were read. Files that were rotated while nobody looked come between, in the order of their last
 * change. Several files are read in the order of their names, and each is complete when a later one exists.
 */
import { readdirSync, type Stats, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { type LineFile, markOf, openLineFile } from "./line-file.ts";

/** What a position says of its file. */
export type FilePlace = {
  readonly name: string;
  readonly id: string;
  /** As `markOf` returns it for `offset`. */
  readonly mark: string;
  readonly offset: number;
  /** Last change of the file that was read before, in ms. */
  readonly afterMs?: number;
};

/** A file to read from an offset. */
type Found = {
  readonly file: LineFile;
  readonly offset: number;
  /** Bytes may be missing: a plain sentence. */
  readonly problem?: string;
};

export type FileSet = {
  /** Folder in which changes are of interest. */
  readonly folder: string;
  /** Opens the file that continues a position, or the first file. Undefined: there is none yet. Rejects with the system's error. */
  find(place: FilePlace | undefined): Promise<Found | undefined>;
  /** Returns the path of the file behind this one, so that this one is complete. Undefined: none yet. */
  nextOf(file: LineFile): string | undefined;
  /** Opens the last file. Undefined: there is none yet. */
  last(): Promise<LineFile | undefined>;
  /** Bytes of the files behind this one, as they are on the disk. */
  bytesBehind(file: LineFile): number;
};

export function openFileSet(given: string): FileSet {
  const path = resolve(given);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return new SeveralFiles(path, () => true);
  const pattern = basename(path);
  if (stats === undefined && /[*?]/.test(pattern)) {
    const matches = patternTest(pattern);
    return new SeveralFiles(dirname(path), (name) => matches.test(name));
  }
  return new OneFile(path);
}

/** `*` stands for any characters, `?` for one. Hidden files match only a pattern that begins with a dot. */
function patternTest(pattern: string): RegExp {
  const parts = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll(/\*+/g, ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${parts}$`, "s");
}

class SeveralFiles implements FileSet {
  readonly folder: string;
  readonly #matches: (name: string) => boolean;

  constructor(folder: string, matches: (name: string) => boolean) {
    this.folder = folder;
    this.#matches = matches;
  }

  async find(place: FilePlace | undefined): Promise<Found | undefined> {
    const names = this.#names();
    if (place === undefined) return beginning(this.folder, names[0]);
    if (names.includes(place.name)) {
      const file = await openLineFile(join(this.folder, place.name));
      if (await continues(file, place)) return { file, offset: place.offset };
      const problem = `The file ${place.name} was replaced or truncated behind byte ${place.offset}; it is read from its beginning.`;
      return { file, offset: 0, problem };
    }
    const renamed = await findContinued(this.folder, names, place);
    if (renamed !== undefined) return { file: renamed, offset: place.offset };
    // A file that was read is often removed, and the files behind it remain.
    return beginning(
      this.folder,
      names.find((name) => name > place.name),
    );
  }

  nextOf(file: LineFile): string | undefined {
    const name = this.#names().find((other) => other > basename(file.path));
    return name === undefined ? undefined : join(this.folder, name);
  }

  async last(): Promise<LineFile | undefined> {
    return (await beginning(this.folder, this.#names().at(-1)))?.file;
  }

  bytesBehind(file: LineFile): number {
    const later = this.#names().filter((name) => name > basename(file.path));
    return later.reduce((sum, name) => sum + (statOf(join(this.folder, name))?.size ?? 0), 0);
  }

  #names(): string[] {
    return namesIn(this.folder).filter((name) => this.#matches(name) && !name.startsWith("."));
  }
}

class OneFile implements FileSet {
  readonly folder: string;
  readonly #path: string;
  readonly #name: string;
  readonly #isSibling: RegExp;

  constructor(path: string) {
    this.#path = path;
    this.folder = dirname(path);
    this.#name = basename(path);
    // `trades.ndjson.1`, `trades.ndjson-20260102`, `trades-1.ndjson`, each also with .gz.
    const extension = escaped(extname(this.#name));
    const stem = escaped(basename(this.#name, extname(this.#name)));
    this.#isSibling = new RegExp(`^${stem}(${extension})?[-._][-._0-9TZ:]*[0-9TZ](${extension})?(\\.gz)?$`);
  }

  async find(place: FilePlace | undefined): Promise<Found | undefined> {
    const isThere = statOf(this.#path) !== undefined;
    if (place === undefined) return isThere ? beginning(this.folder, this.#name) : undefined;
    if (place.offset === 0 && place.afterMs !== undefined) {
      // Nothing was read of the file, so its bytes cannot tell that it was copied and truncated meanwhile.
      const between = this.#rotatedAfter(place.afterMs);
      if (between !== undefined && between.id !== place.id) return beginning(this.folder, between.name);
    }
    const current = isThere ? await openLineFile(this.#path) : undefined;
    if (current?.id === place.id && (await continues(current, place))) return { file: current, offset: place.offset };
    const rotated = await findContinued(this.folder, this.#siblings(), place);
    // Programs that copy files replace the file by a longer one.
    const isCopy = rotated?.id !== place.id && current !== undefined && (await continues(current, place));
    if (current !== undefined && (isCopy || rotated === undefined)) {
      await rotated?.close();
      if (isCopy) return { file: current, offset: place.offset };
      const isTruncated = current.id === place.id;
      const what = isTruncated ? "was truncated" : "was replaced, and the former file is gone";
      const problem = `The file ${this.#name} ${what} after byte ${place.offset} was read; it is read from its beginning.`;
      return { file: current, offset: 0, problem };
    }
    await current?.close();
    return rotated === undefined ? undefined : { file: rotated, offset: place.offset };
  }

  nextOf(file: LineFile): string | undefined {
    const current = statOf(this.#path);
    if (current === undefined || idOf(current) === file.id) return undefined;
    // `find` puts files that were rotated meanwhile before it.
    return this.#path;
  }

  async last(): Promise<LineFile | undefined> {
    return (await this.find(undefined))?.file;
  }

  bytesBehind(file: LineFile): number {
    const current = statOf(this.#path);
    return current === undefined || idOf(current) === file.id ? 0 : current.size;
  }

  /** Returns the first rotated file that was changed after a time. */
  #rotatedAfter(timeMs: number): { readonly name: string; readonly id: string } | undefined {
    return this.#siblings()
      .flatMap((name) => {
        const stats = statOf(join(this.folder, name));
        return stats === undefined ? [] : [{ name, id: idOf(stats), changedMs: stats.mtimeMs }];
      })
      .filter(({ changedMs }) => changedMs > timeMs)
      .sort((a, b) => a.changedMs - b.changedMs)[0];
  }

  #siblings(): string[] {
    return namesIn(this.folder).filter((name) => name !== this.#name && this.#isSibling.test(name));
  }
}

async function beginning(folder: string, name: string | undefined): Promise<Found | undefined> {
  return name === undefined ? undefined : { file: await openLineFile(join(folder, name)), offset: 0 };
}

/** Whether a file has what was read of a place at its beginning, and is not shorter. */
export async function continues(file: LineFile, { id, mark, offset }: FilePlace): Promise<boolean> {
  const size = await file.size();
  if (size !== undefined && size < offset) return false;
  // Nothing was read yet, so only the number says that it is the file.
  if (offset === 0) return file.id === id;
  return (await markOf(file, offset)) === mark;
}

/** Returns the file with the number of a place, else one with its bytes, the latest of these. */
async function findContinued(
  folder: string,
  names: readonly string[],
  place: FilePlace,
): Promise<LineFile | undefined> {
  const candidates = names
    .flatMap((name) => {
      const stats = statOf(join(folder, name));
      if (stats?.isFile() !== true) return [];
      const rank = idOf(stats) === place.id ? Number.POSITIVE_INFINITY : stats.mtimeMs;
      return [{ path: join(folder, name), rank }];
    })
    .sort((a, b) => b.rank - a.rank);
  for (const { path } of candidates) {
    const file = await openLineFile(path);
    if (await continues(file, place)) return file;
    await file.close();
  }
  return undefined;
}

function namesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

function statOf(path: string) {
  return statSync(path, { throwIfNoEntry: false, bigint: false });
}

function idOf(stats: Stats): string {
  return `${stats.dev}:${stats.ino}`;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
