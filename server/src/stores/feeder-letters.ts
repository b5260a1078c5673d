/** Keeps the refused records of feeders among the dead letters of a data folder. */
import { crc32 } from "node:zlib";
import type { FeederLetter } from "../ports/feeder.ts";
import { DeadLetterStore } from "./dead-letter-store.ts";

export class FeederLetters {
  readonly #dataDir: string;
  readonly #nowMs: () => number;
  readonly #onProblem: (error: unknown) => void;
  #store: DeadLetterStore | undefined;

  /** `onProblem` is called when letters could not be stored. The feeder goes on: the store is for people to look at. */
  constructor(dataDir: string, nowMs: () => number, onProblem: (error: unknown) => void) {
    this.#dataDir = dataDir;
    this.#nowMs = nowMs;
    this.#onProblem = onProblem;
  }

  /** Returns when the letters are on disk. Never throws. */
  put(letters: readonly FeederLetter[]): void {
    const arrival = this.#nowMs();
    this.#store ??= new DeadLetterStore(this.#dataDir, this.#nowMs);
    try {
      this.#store.put(
        letters.map(({ feeder, record, ...letter }) => ({
          ...letter,
          ...{ feeder, partition: placeOf(feeder), offset: record, arrival },
        })),
      );
    } catch (error) {
      this.#onProblem(error);
    }
  }

  close(): void {
    this.#store?.close();
  }
}

/** Below all partitions, and the same after a restart. */
function placeOf(feeder: string): number {
  return -1 - crc32(feeder);
}
