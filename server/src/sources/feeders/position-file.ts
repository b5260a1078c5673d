/**
 * Keeps the position of a feeder in a file, together with the counts up to it. The file is replaced as a whole: written beside, synced,
 * renamed, and its folder synced. A crash at any moment leaves the old or the new one.
 */
import { hash } from "node:crypto";
import { open, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { SwapstatsError } from "../../shared/errors.ts";
import { readTextFile } from "../../shared/read-regular-file.ts";
import { POSITION_BYTES_MAX, type Position } from "./origin.ts";

const FORMAT = 1;
const FILE_BYTES_MAX = POSITION_BYTES_MAX + 4096;

/** Records up to the position, and their fate. Each record is counted once, because the counts are kept with the position. */
export type FeederCounts = {
  readonly records: number;
  /** Swaps that the log has taken. */
  readonly swaps: number;
  /** Records of which at least one swap was refused. */
  readonly rejected: number;
  /** Swaps that the mapping left out by `when`. */
  readonly skipped: number;
};

export const NO_COUNTS: FeederCounts = { records: 0, swaps: 0, rejected: 0, skipped: 0 };

export type Kept = { readonly position: Position; readonly counts: FeederCounts };

export type PositionKeeper = {
  /** Returns what was kept last. Undefined: nothing yet. Throws when the file is damaged or belongs to another origin. */
  read(): Kept | undefined;
  /** Resolves when it is on disk. Rejects with `storage_failed`, retryable; the old one is then still there, or the new one is. */
  keep(kept: Kept): Promise<void>;
};

/** Type and identity of the origin that a position belongs to. */
type PositionOwner = { readonly type: string; readonly identity: string };

type Content = Kept & { readonly format: number; readonly type: string; readonly origin: string };

export class PositionFile implements PositionKeeper {
  readonly #path: string;
  readonly #name: string;
  readonly #type: string;
  readonly #fingerprint: string;

  /** The file is `<folder>/<name>.json`. The folder exists. */
  constructor(folder: string, name: string, owner: PositionOwner) {
    this.#path = join(folder, `${name}.json`);
    this.#name = name;
    this.#type = owner.type;
    this.#fingerprint = hash("sha256", owner.identity).slice(0, 32);
  }

  read(): Kept | undefined {
    let text: string;
    try {
      text = readTextFile(this.#path, FILE_BYTES_MAX);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw this.#damaged((error as Error).message);
    }
    const { type, origin, position, counts } = this.#parse(text);
    if (type !== this.#type || origin !== this.#fingerprint) {
      const what = type === this.#type ? `another origin of type ${type}` : `an origin of type ${type}`;
      const message = `The feeder ${this.#name} is of type ${this.#type}, and its position ${this.#path} is that of ${what}. Give the feeder a name of its own, or remove the file: it then begins where its configuration says.`;
      throw new SwapstatsError("bad_config", message);
    }
    return { position, counts };
  }

  async keep({ position, counts }: Kept): Promise<void> {
    const content: Content = { format: FORMAT, type: this.#type, origin: this.#fingerprint, position, counts };
    const text = `${JSON.stringify({ crc: crcOf(content), ...content })}\n`;
    if (text.length > FILE_BYTES_MAX) throw new SwapstatsError("internal", `${this.#path}: the position is too large`);
    const beside = `${this.#path}.new`;
    try {
      await written(beside, text);
      await rename(beside, this.#path);
      await synced(dirname(this.#path));
    } catch (cause) {
      const message = `The position ${this.#path} cannot be written: ${(cause as Error).message}. Check the disk; the feeder retries.`;
      throw new SwapstatsError("storage_failed", message, { cause, retryable: true });
    }
  }

  #parse(text: string): Content {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      throw this.#damaged("it is not JSON");
    }
    if (typeof parsed !== "object" || parsed === null) throw this.#damaged("it is not an object");
    const { crc, ...content } = parsed as Partial<Content> & { readonly crc?: unknown };
    if (content.format !== undefined && content.format !== FORMAT) {
      throw this.#damaged(`it has the format ${content.format}, and this version reads ${FORMAT}`);
    }
    if (crc !== crcOf(content)) throw this.#damaged("its checksum does not match");
    return content as Content;
  }

  #damaged(why: string): SwapstatsError {
    const message = `The position of the feeder ${this.#name}, ${this.#path}, cannot be used: ${why}. Restore the file, or remove it: the feeder then begins where its configuration says.`;
    return new SwapstatsError("storage_failed", message);
  }
}

function crcOf(content: object): string {
  return crc32(JSON.stringify(content)).toString(16).padStart(8, "0");
}

async function written(path: string, text: string): Promise<void> {
  const handle = await open(path, "w", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function synced(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
