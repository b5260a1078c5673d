/** Wallets counted by windows that share a close and differ in their open. */

/** How many wallets are first seen in each of some windows; behind those, how many in none. */
export class TraderTally {
  readonly traders: number[];
  readonly buyers: number[];
  readonly sellers: number[];

  constructor(windows: number) {
    this.traders = new Array<number>(windows + 1).fill(0);
    this.buyers = new Array<number>(windows + 1).fill(0);
    this.sellers = new Array<number>(windows + 1).fill(0);
  }
}

/** The first of the windows, which open ever earlier, that holds this time; their number where none does. */
export function firstOf(opens: readonly number[], time: number): number {
  // From the earliest open on, because most wallets were last seen long ago.
  let i = opens.length;
  while (i > 0 && time >= opens[i - 1]) i -= 1;
  return i;
}
