/**
 * A disk that forgets what was not synced when the power goes, and on which any call can be made to go wrong. What is in
 * a file and what names a folder has are durable apart, as POSIX has it.
 */
import { dirname } from "node:path";
import type { FileSystem } from "../../../src/stores/file-system.ts";
import type { Random } from "../../support/seed.ts";

/** What becomes of a call. `fail` does nothing, `fail_after` is done and reports failure all the same, `lose` the opposite. */
export type Fault = "fail" | "fail_after" | "lose" | "late";

type Inode = { live: Uint8Array; durable: Uint8Array | undefined };

export class SimulatedDisk {
  readonly #live: Map<string, Inode>;
  readonly #durable: Map<string, Inode>;
  /** Decides the fate of the next call that writes; the number counts these calls. */
  fate: (call: number, what: string) => Fault | undefined = () => undefined;
  /** Once set, every call fails: the process is gone. */
  isDead = false;
  /** Files that are there and cannot be read. */
  readonly unreadable = new Set<string>();
  calls = 0;

  constructor(files: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#live = new Map([...files].map(([path, bytes]) => [path, { live: bytes, durable: bytes }]));
    this.#durable = new Map(this.#live);
  }

  readonly fs: FileSystem = {
    makeFolder: () => this.#change("makeFolder", () => {}),
    list: async (folder) => {
      this.#checkAlive();
      return [...this.#live.keys()]
        .filter((path) => dirname(path) === folder)
        .map((path) => path.slice(folder.length + 1));
    },
    read: async (path) => {
      this.#checkAlive();
      if (this.unreadable.has(path)) throw new Error(`EIO: i/o error, read ${path}`);
      return copyOf(this.#live.get(path)?.live);
    },
    write: (path, bytes) =>
      this.#change(`write ${path}`, () => {
        const inode = this.#live.get(path);
        const copy = new Uint8Array(bytes);
        if (inode === undefined) this.#live.set(path, { live: copy, durable: undefined });
        else inode.live = copy;
      }),
    sync: (path) =>
      this.#change(`sync ${path}`, () => {
        const inode = this.#live.get(path);
        if (inode === undefined) throw new Error(`no file ${path}`);
        inode.durable = inode.live;
      }),
    syncFolder: (folder) =>
      this.#change(`syncFolder ${folder}`, () => {
        for (const path of [...this.#durable.keys()]) {
          if (dirname(path) === folder && !this.#live.has(path)) this.#durable.delete(path);
        }
        for (const [path, inode] of this.#live) if (dirname(path) === folder) this.#durable.set(path, inode);
      }),
    rename: (from, to) =>
      this.#change(`rename ${to}`, () => {
        const inode = this.#live.get(from);
        if (inode === undefined) throw new Error(`no file ${from}`);
        this.#live.delete(from);
        this.#live.set(to, inode);
      }),
    remove: (path) =>
      this.#change(`remove ${path}`, () => {
        this.#live.delete(path);
      }),
  };

  /** What is there for a process that starts after this one was killed: everything that was written. */
  afterKill(): SimulatedDisk {
    this.isDead = true;
    return new SimulatedDisk(new Map([...this.#live].map(([path, inode]) => [path, inode.live])));
  }

  /** What is there after the power went: of what was not synced anything, something, or nothing. */
  afterPowerLoss(random: Random): SimulatedDisk {
    this.isDead = true;
    const files = new Map<string, Uint8Array>();
    for (const path of new Set([...this.#live.keys(), ...this.#durable.keys()])) {
      const inode = random.chance(0.5) ? this.#live.get(path) : this.#durable.get(path);
      if (inode === undefined) continue;
      files.set(path, inode.durable === inode.live ? inode.live : unsynced(inode, random));
    }
    return new SimulatedDisk(files);
  }

  /** Everything is as it was at another time. */
  setTo(files: ReadonlyMap<string, Uint8Array>): void {
    this.#live.clear();
    this.#durable.clear();
    for (const [path, bytes] of files) {
      const inode = { live: bytes, durable: bytes };
      this.#live.set(path, inode);
      this.#durable.set(path, inode);
    }
  }

  /** All files as they are. */
  files(): Map<string, Uint8Array> {
    return new Map([...this.#live].map(([path, inode]) => [path, inode.live]));
  }

  async #change(what: string, work: () => void): Promise<void> {
    this.#checkAlive();
    const fault = this.fate(this.calls++, what);
    if (fault === "late") for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    this.#checkAlive();
    if (fault === "fail") throw new Error(`simulated failure: ${what}`);
    if (fault !== "lose") work();
    if (fault === "fail_after") throw new Error(`simulated failure after the fact: ${what}`);
  }

  #checkAlive(): void {
    if (this.isDead) throw new Error("the process is gone");
  }
}

function unsynced({ live, durable }: Inode, random: Random): Uint8Array {
  if (random.chance(0.3)) return durable ?? new Uint8Array(0);
  return live.subarray(0, random.below(live.length + 1));
}

/** A real copy: `slice` of a Buffer shares its memory. */
function copyOf(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : new Uint8Array(bytes);
}
