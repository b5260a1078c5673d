/** Wallets counted by windows that share a close and differ in their open. */

/** By window: wallets that are in it and in no window before it; at the end, wallets that are in none. */
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

/** The first window that contains this time, or the number of windows. The windows open ever earlier. */
export function firstOf(opens: readonly number[], time: number): number {
  // From the earliest open, because most wallets were last seen long ago.
  let i = opens.length;
  while (i > 0 && time >= opens[i - 1]) i -= 1;
  return i;
}
