/**
 * Estimates from the ranks of a HyperLogLog's registers, for several windows at once. Source of the estimator: Ertl, "New
 * cardinality estimation algorithms for HyperLogLog sketches", 2017 (no bias correction tables, accurate for small counts,
 * too).
 */
export const REGISTERS = 4096;
/** Relative standard error of the estimate, 1.04 / sqrt(registers). */
export const SKETCH_ERROR = "0.01625";
const RANK_MAX = 33;
const RANKS = RANK_MAX + 2;

export type TraderEstimate = { readonly traders: number; readonly buyers: number; readonly sellers: number };

/**
 * Counts the registers of each rank in several windows, each of which contains those before it. Registers are entered one by
 * one.
 */
export class RankCounts {
  readonly #windows: number;
  /** By window and rank: the difference from the window before; for the first window the counts. */
  readonly #both: Int32Array;
  readonly #buyers: Int32Array;
  readonly #sellers: Int32Array;
  /** Highest rank of the current register noted for each window. */
  readonly #buyerRanks: Uint8Array;
  readonly #sellerRanks: Uint8Array;
  #isNoted = false;
  #buyer = 0;
  #seller = 0;

  constructor(windows: number) {
    this.#windows = windows;
    this.#both = new Int32Array(windows * RANKS);
    this.#buyers = new Int32Array(windows * RANKS);
    this.#sellers = new Int32Array(windows * RANKS);
    this.#buyerRanks = new Uint8Array(windows);
    this.#sellerRanks = new Uint8Array(windows);
  }

  begin(buyerRank: number, sellerRank: number): void {
    this.#buyer = buyerRank;
    this.#seller = sellerRank;
    this.#isNoted = false;
  }

  /** `entry` holds side and rank in the form of a sketch's entries. */
  note(window: number, entry: number): void {
    const rank = entry & 63;
    const ranks = entry >= 64 ? this.#buyerRanks : this.#sellerRanks;
    if (ranks[window] < rank) ranks[window] = rank;
    this.#isNoted = true;
  }

  end(): void {
    let buyer = this.#buyer;
    let seller = this.#seller;
    let both = buyer > seller ? buyer : seller;
    this.#buyers[buyer] += 1;
    this.#sellers[seller] += 1;
    this.#both[both] += 1;
    if (!this.#isNoted) return;
    for (let w = 0; w < this.#windows; w++) {
      if (this.#buyerRanks[w] > buyer) buyer = moved(this.#buyers, w, buyer, this.#buyerRanks[w]);
      if (this.#sellerRanks[w] > seller) seller = moved(this.#sellers, w, seller, this.#sellerRanks[w]);
      const either = buyer > seller ? buyer : seller;
      if (either > both) both = moved(this.#both, w, both, either);
      this.#buyerRanks[w] = 0;
      this.#sellerRanks[w] = 0;
    }
  }

  estimates(): TraderEstimate[] {
    const estimates: TraderEstimate[] = [];
    for (let w = 0; w < this.#windows; w++) {
      estimates.push({
        traders: estimateOf(this.#counts(this.#both, w)),
        buyers: estimateOf(this.#counts(this.#buyers, w)),
        sellers: estimateOf(this.#counts(this.#sellers, w)),
      });
    }
    return estimates;
  }

  #counts(differences: Int32Array, w: number): Int32Array {
    const counts = differences.subarray(w * RANKS, (w + 1) * RANKS);
    if (w > 0) for (let k = 0; k < RANKS; k++) counts[k] += differences[(w - 1) * RANKS + k];
    return counts;
  }
}

/** Moves a register to a higher rank from window w on. Returns that rank. */
function moved(differences: Int32Array, w: number, from: number, to: number): number {
  differences[w * RANKS + from] -= 1;
  differences[w * RANKS + to] += 1;
  return to;
}

/** Ertl's improved raw estimator, from the number of registers of each rank (0: empty). */
function estimateOf(counts: Int32Array): number {
  const q = RANK_MAX - 1;
  const m = REGISTERS;
  let z = m * tau(1 - counts[q + 1] / m);
  for (let k = q; k >= 1; k--) z = 0.5 * (z + counts[k]);
  z += m * sigma(counts[0] / m);
  return Math.round(((0.5 / Math.LN2) * m * m) / z);
}

function sigma(value: number): number {
  if (value === 1) return Number.POSITIVE_INFINITY;
  let x = value;
  let y = 1;
  let z = x;
  for (;;) {
    x *= x;
    const before = z;
    z += x * y;
    y += y;
    if (z === before) return z;
  }
}

function tau(value: number): number {
  if (value === 0 || value === 1) return 0;
  let x = value;
  let y = 1;
  let z = 1 - x;
  for (;;) {
    x = Math.sqrt(x);
    const before = z;
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
    if (z === before) return z / 3;
  }
}
