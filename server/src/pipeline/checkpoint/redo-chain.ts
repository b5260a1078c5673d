/**
 * Tracks which base images and redo deltas make up the checkpoint of a partition, and which are not stored yet. It does no input or
 * output. The states of the chain of deltas behind the newest base:
 *
 *   whole    --the redo that waits for a failing store exceeds its limit--> broken
 *   broken   --a base image begins--> healing       redo is dropped while broken: it continues no stored state
 *   healing  --the image is written--> whole        there is no new manifest while healing
 *   healing  --the image fails--> broken
 *   any      --the store has lost parts--> broken   no stored state can be continued
 *
 * A new partition begins broken. While the chain is whole, a new base begins now and then, and deltas continue meanwhile. If such an
 * image fails, the chain stays whole. An image begins at the end of a delta, and the next delta continues it.
 */
import { crc32 } from "node:zlib";
import type { BaseImage, Manifest, RedoDelta } from "./manifest.ts";
import { BASES_KEPT, neededLogOffset, partsOfBase } from "./manifest.ts";

/** The next base is due when the redo since the newest one exceeds this, and also exceeds the size of the base. */
const REDO_BYTES_MIN = 64 * 1024 * 1024;
/** The next base is due after this many deltas. A restore reads each as a file. */
const DELTAS_MAX = 256;
/** A delta is cut at about this size, whatever the interval. It then fits into one part of a store. */
export const DELTA_BYTES_MAX = 8 * 1024 * 1024;
/** Limit of the redo that waits in memory while the store fails. */
const UNSAVED_REDO_BYTES_MAX = 256 * 1024 * 1024;

/** `logFrom`: the first offset whose record the redo does not hold itself; the log has it. `logBytes`: of all such records. */
export type TakenRedo = {
  readonly content: Uint8Array;
  readonly logFrom: number | undefined;
  readonly logBytes: number;
};

/** The redo writer. `take` returns everything since the last call and empties the buffer. */
export type RedoBuffer = { readonly byteLength: number; take(): TakenRedo };

/** A delta that is cut and not yet stored. */
type Cut = TakenRedo & { readonly from: number; readonly to: number; readonly afterGap: boolean };

/** The undamaged parts that a restore used: see restore.ts. */
export type RestoredChain = {
  readonly bases: readonly BaseImage[];
  readonly deltas: readonly RedoDelta[];
  readonly nextOffset: number;
  /** Whether offsets before nextOffset are missing that no delta records yet. */
  readonly afterGap: boolean;
  /** Whether something was damaged. A new base then replaces it soon. */
  readonly wantsBase: boolean;
};

export class RedoChain {
  readonly #redo: RedoBuffer;
  #state: "whole" | "broken" | "healing";
  #bases: readonly BaseImage[];
  /** Stored deltas since the older base. */
  #deltas: readonly RedoDelta[];
  #cuts: Cut[] = [];
  #cutBytes = 0;
  #position: number;
  /** Offset at which the redo begins. */
  #cutFrom: number;
  #afterGap: boolean;
  #wantsBase: boolean;
  /** Offset of the image that is being written. */
  #beganAt: number | undefined;
  #redoSinceBaseBytes = 0;
  #deltasSinceBase = 0;

  constructor(redo: RedoBuffer, restored: RestoredChain) {
    this.#redo = redo;
    this.#bases = restored.bases;
    this.#deltas = restored.deltas;
    this.#state = restored.bases.length === 0 ? "broken" : "whole";
    this.#position = restored.nextOffset;
    this.#cutFrom = restored.nextOffset;
    this.#afterGap = restored.afterGap;
    this.#wantsBase = restored.wantsBase;
    const newest = restored.bases[0];
    for (const delta of restored.deltas) {
      if (newest === undefined || delta.from < newest.offset) continue;
      this.#redoSinceBaseBytes += delta.bytes + (delta.log?.bytes ?? 0);
      this.#deltasSinceBase++;
    }
  }

  get state(): "whole" | "broken" | "healing" {
    return this.#state;
  }

  /** All records below it are in the redo. */
  get position(): number {
    return this.#position;
  }

  /** Newest first. */
  get bases(): readonly BaseImage[] {
    return this.#bases;
  }

  /** Bytes of redo since the newest base. */
  get redoSinceBaseBytes(): number {
    return this.#redoSinceBaseBytes;
  }

  /** Whether the newest base needs records of the log. */
  get readsLog(): boolean {
    const offset = this.#bases[0]?.offset ?? 0;
    return this.#deltas.some(({ log, from }) => log !== undefined && from >= offset);
  }

  /**
   * Whether the records that the newest base needs are the next that a log loses which begins at this offset: fewer lie before the base than behind it.
   * A log that has lost none yet keeps them for longer than it is old.
   */
  isNearStart(logStart: number): boolean {
    const [newest] = this.#bases;
    if (logStart === 0 || newest === undefined || !this.readsLog) return false;
    return newest.offset - logStart < this.#position - newest.offset;
  }

  get isBasing(): boolean {
    return this.#beganAt !== undefined;
  }

  /** Notes that all records below this offset are in the redo. Returns true when a delta was cut that should be stored soon. */
  advance(nextOffset: number): boolean {
    this.#position = nextOffset;
    if (this.#state === "broken") {
      this.#dropRedo();
      return false;
    }
    if (this.#redo.byteLength < DELTA_BYTES_MAX) return false;
    this.cut();
    if (this.#cutBytes <= UNSAVED_REDO_BYTES_MAX) return true;
    // An image that is being written may still succeed, but no delta would continue it either.
    this.#state = "broken";
    this.#cuts = [];
    this.#cutBytes = 0;
    return false;
  }

  noteGap(resumeOffset: number): void {
    this.cut();
    this.#position = resumeOffset;
    this.#cutFrom = resumeOffset;
    this.#afterGap = true;
  }

  /** Ends the delta that is being gathered, if it holds anything. */
  cut(): void {
    if (this.#state === "broken") this.#dropRedo();
    if (this.#position === this.#cutFrom) return;
    const taken = this.#redo.take();
    this.#cuts.push({ from: this.#cutFrom, to: this.#position, afterGap: this.#afterGap, ...taken });
    this.#cutBytes += taken.content.length;
    this.#redoSinceBaseBytes += taken.content.length + taken.logBytes;
    this.#deltasSinceBase++;
    this.#cutFrom = this.#position;
    this.#afterGap = false;
  }

  /** The oldest delta that is not stored yet. */
  get nextCut(): Cut | undefined {
    return this.#cuts[0];
  }

  /** Notes that the cut is stored under this name. Returns false when the cut was dropped meanwhile and the part is garbage. */
  cutStored(cut: Cut, name: string): boolean {
    if (this.#cuts[0] !== cut) return false;
    this.#cuts.shift();
    this.#cutBytes -= cut.content.length;
    const { from, to, afterGap, content, logFrom, logBytes } = cut;
    const log = logFrom === undefined ? {} : { log: { from: logFrom, bytes: logBytes } };
    const delta = { name, bytes: content.length, crc32: crc32(content), from, to, afterGap, ...log };
    this.#deltas = [...this.#deltas, delta];
    return true;
  }

  /**
   * Returns whether a new base should begin now. `isPressed`: the log needs space that only a newer base releases. Where the redo names offsets, the
   * older base needs the log, too, so two images without new records between them may follow each other.
   */
  isBaseDue(isPressed: boolean): boolean {
    if (this.isBasing) return false;
    const newest = this.#bases[0];
    if (this.#state === "broken" || newest === undefined) return true;
    if (this.#wantsBase || this.#deltasSinceBase > DELTAS_MAX) return true;
    if (isPressed && this.#position > this.#neededLogOffset) return true;
    return this.#redoSinceBaseBytes > Math.max(REDO_BYTES_MIN, newest.bytes);
  }

  get #neededLogOffset(): number {
    return neededLogOffset({ bases: this.#bases, deltas: this.#deltas }) ?? 0;
  }

  /** Notes that an image of the present state begins. Returns its offset. */
  beginBase(): number {
    this.cut();
    if (this.#state === "broken") this.#state = "healing";
    this.#beganAt = this.#position;
    this.#wantsBase = false;
    this.#redoSinceBaseBytes = 0;
    this.#deltasSinceBase = 0;
    return this.#position;
  }

  /** Notes that the image is stored. Returns false when the chain broke meanwhile and the image is garbage. */
  baseWritten(image: BaseImage): boolean {
    this.#beganAt = undefined;
    if (this.#state === "broken") return false;
    this.#state = "whole";
    this.#bases = [image, ...this.#bases].slice(0, BASES_KEPT);
    const oldest = this.#bases.at(-1)!.offset;
    this.#deltas = this.#deltas.filter((delta) => delta.to > oldest);
    return true;
  }

  /** Notes that the image failed. Returns the names of the stored deltas that are useless without it. */
  baseFailed(): string[] {
    const beganAt = this.#beganAt;
    this.#beganAt = undefined;
    this.#wantsBase = true;
    if (this.#state !== "healing" || beganAt === undefined) return [];
    this.#state = "broken";
    this.#cuts = [];
    this.#cutBytes = 0;
    const lost = this.#deltas.filter((delta) => delta.from >= beganAt);
    this.#deltas = this.#deltas.filter((delta) => delta.from < beganAt);
    return lost.map((delta) => delta.name);
  }

  /** Drops everything, because the store has lost parts. Returns the names of all parts: those that are still stored are garbage. */
  forget(): string[] {
    const names = [...this.#bases.flatMap(partsOfBase), ...this.#deltas].map(({ name }) => name);
    this.#state = "broken";
    this.#bases = [];
    this.#deltas = [];
    this.#cuts = [];
    this.#cutBytes = 0;
    return names;
  }

  /** Returns the content of a manifest now, or undefined while no base covers the newest records. */
  content(): Pick<Manifest, "bases" | "deltas" | "nextOffset"> | undefined {
    const newest = this.#bases[0];
    if (this.#state !== "whole" || newest === undefined) return undefined;
    const nextOffset = Math.max(newest.offset, this.#deltas.at(-1)?.to ?? 0);
    return { bases: this.#bases, deltas: this.#deltas, nextOffset };
  }

  #dropRedo(): void {
    this.#redo.take();
    this.#cutFrom = this.#position;
    this.#afterGap = false;
  }
}
