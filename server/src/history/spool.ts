/**
 * Rows that wait for the history store beyond the memory for them: files of a few MB, each deleted when nothing of it is needed any more. They need
 * not survive the process: a restart makes the rows again from the checkpoint.
 */
import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "../shared/make-folder.ts";

const FILE_BYTES = 64 * 1024 * 1024;

type SpoolFile = { readonly path: string; readonly descriptor: number; bytes: number; inUse: number };
export type SpoolRef = { readonly file: SpoolFile; readonly at: number; readonly bytes: number };

export class Spool {
  readonly #folder: string;
  readonly #files = new Set<SpoolFile>();
  #open: SpoolFile | undefined;
  #serial = 0;

  /** `folder` belongs to the spool alone; what an earlier process left there is removed. Throws the system's error. */
  constructor(folder: string) {
    this.#folder = folder;
    rmSync(folder, { recursive: true, force: true });
  }

  /** Bytes of the files. */
  get bytes(): number {
    let sum = 0;
    for (const file of this.#files) sum += file.bytes;
    return sum;
  }

  /** Throws the system's error; the content is then not kept. */
  put(content: Uint8Array): SpoolRef {
    const file = this.#open ?? this.#create();
    for (let done = 0; done < content.length; ) {
      done += writeSync(file.descriptor, content, done, content.length - done, file.bytes + done);
    }
    const ref = { file, at: file.bytes, bytes: content.length };
    file.bytes += content.length;
    file.inUse += 1;
    if (file.bytes >= FILE_BYTES) this.#open = undefined;
    return ref;
  }

  /** Throws the system's error. */
  get({ file, at, bytes }: SpoolRef): Uint8Array<ArrayBuffer> {
    const content = new Uint8Array(bytes);
    for (let done = 0; done < bytes; ) {
      const read = readSync(file.descriptor, content, done, bytes - done, at + done);
      if (read === 0) throw new Error(`${file.path} ends at byte ${at + done}`);
      done += read;
    }
    return content;
  }

  release({ file }: SpoolRef): void {
    file.inUse -= 1;
    if (file.inUse > 0) return;
    if (this.#open === file) this.#open = undefined;
    this.#remove(file);
  }

  close(): void {
    for (const file of this.#files) this.#remove(file);
  }

  #create(): SpoolFile {
    makeFolder(this.#folder);
    const path = join(this.#folder, `rows-${this.#serial++}`);
    const file = { path, descriptor: openSync(path, "w+", 0o600), bytes: 0, inUse: 0 };
    this.#files.add(file);
    this.#open = file;
    return file;
  }

  #remove(file: SpoolFile): void {
    if (!this.#files.delete(file)) return;
    closeSync(file.descriptor);
    rmSync(file.path, { force: true });
  }
}
