/**
 * The parts of apply that can be left out, each by replacing texts of the sources as they are loaded (variant.ts). The program has no switch
 * for it. A text must occur exactly once in its file; a test holds all of them to that.
 */

/** A text of a file below server/src, and its replacement. */
export type Patch = { readonly file: string; readonly search: string; readonly replacement: string };

export type LeftOut = {
  /** Name on the command line. */
  readonly name: string;
  readonly part: string;
  /** How it is left out, and what else changes with it, in sentences. */
  readonly how: string;
  readonly patches: readonly Patch[];
};

const APPLIER = "engine/applier.ts";
const EVENT_APPLIER = "pipeline/event-applier.ts";
const UPKEEP = "engine/upkeep.ts";
const WRITER = "engine/swaps/record-writer.ts";
const INCLUSIONS = "engine/swaps/inclusions.ts";
const HOT_BUCKETS = "engine/buckets/hot-buckets.ts";

const APPLY = "const outcome = this.#engine.apply(this.#event, arrivalMs);";

/** Changes events between their decoding and their apply. */
function onEvents(...statements: readonly string[]): Patch[] {
  return [{ file: EVENT_APPLIER, search: APPLY, replacement: `${statements.join(" ")} ${APPLY}` }];
}

const gone = (file: string, search: string): Patch => ({ file, search, replacement: "" });

export const LEFT_OUT: readonly LeftOut[] = [
  {
    name: "nothing",
    part: "nothing",
    how: "Two copies of the whole program beside each other: the noise of the measurement.",
    patches: [],
  },
  {
    name: "apply",
    part: "checks and apply as a whole",
    how: "Records are decoded, and copied for the redo, and nothing else.",
    patches: [{ file: EVENT_APPLIER, search: APPLY, replacement: 'const outcome = "applied";' }],
  },
  {
    name: "redo",
    part: "the copy of records for the redo",
    how: "The redo takes nothing. Nothing is written to a store on either side.",
    patches: [
      {
        file: "pipeline/checkpoint/redo-writer.ts",
        search: "    const { count, arrivalsMs } = batch;\n    const isSame",
        replacement: "    return;\n    const { count, arrivalsMs } = batch;\n    const isSame",
      },
    ],
  },
  {
    name: "settling",
    part: "settling",
    how: "No bucket settles, so the state grows by up to a third during the measurement.",
    patches: [
      {
        file: UPKEEP,
        search: "if (bucket === 0 || hotList.endMs(bucket) > settlesMs) break;",
        replacement: "break;",
      },
    ],
  },
  {
    name: "settled-buckets",
    part: "rows of settled buckets, their packing and ageing",
    how: "Settled buckets are dropped, so tokens without unsettled swaps retire.",
    patches: [
      gone(UPKEEP, "cold.settle(active, hotList.level(bucket), this.#row);"),
      gone(UPKEEP, "hot.read(bucket, this.#row);"),
      gone(UPKEEP, "cold.age(active, highMs);"),
    ],
  },
  {
    name: "settled-traders",
    part: "traders of settled swaps",
    how: "Settled swaps are not noted in the tables and sketches of traders.",
    patches: [gone(UPKEEP, "for (const record of counting) traders.note(active, record, chain.highMs);")],
  },
  {
    name: "unsettled-traders",
    part: "traders of busy tokens' unsettled swaps",
    how: "They are not followed. Only tokens with 16,384 unsettled swaps have them while nothing reads.",
    patches: [
      gone(APPLIER, "this.#traderCounts.countedIn(token, active, record);"),
      gone(UPKEEP, "this.#traderCounts.settledOut(token, active, counting);"),
    ],
  },
  {
    name: "record",
    part: "writing the record's content",
    how: "After the first, each record is a copy of it with its own token, time and hash, and without strings. No copy is found any more.",
    patches: [
      {
        file: WRITER,
        search: "    const { bytes } = event;\n    const who =",
        replacement: `    const { bytes } = event;
    if (this.#at !== 0) {
      const words = this.#scratchU32;
      words[TOKEN] = tokenRef;
      words[WHO] = 0;
      words[BLOCK_HASH] = 0;
      words[TIME_LOW] = event.eventTimeMs % TWO_32;
      words[IDENTITY_HASH] = hash;
      this.#scratch[POOL] = 0;
      this.#scratch[SYMBOL] = 0;
      return this.#store();
    }
    const who =`,
      },
    ],
  },
  {
    name: "wallets",
    part: "wallets",
    how: "Events lose their wallet after they are decoded.",
    patches: onEvents("this.#event.whoEnd = this.#event.whoStart;"),
  },
  {
    name: "labels",
    part: "pools and symbols",
    how: "Events lose both after they are decoded.",
    patches: onEvents(
      "this.#event.poolEnd = this.#event.poolStart;",
      "this.#event.symbolEnd = this.#event.symbolStart;",
    ),
  },
  {
    name: "block-hashes",
    part: "block hashes",
    how: "Events lose them after they are decoded.",
    patches: onEvents("this.#event.blockHashEnd = this.#event.blockHashStart;"),
  },
  {
    name: "identity-hash",
    part: "the hash of the identity",
    how: "Four bytes of the packed transaction hash take its place, which an attacker could choose.",
    patches: [
      {
        file: "engine/swaps/swap-identity.ts",
        search: "return this.#txHash.hash(this.tx, 0, this.txLength, tokenRef, logIndex);",
        replacement:
          "return ((this.tx[0] | (this.tx[1] << 8) | (this.tx[2] << 16) | (this.tx[3] << 24)) ^ tokenRef ^ logIndex) >>> 0;",
      },
    ],
  },
  {
    name: "token-look-up",
    part: "looking for the token",
    how: "A table by the first five digits of the address takes its place. Of the 10,000 tokens about a hundred share an entry.",
    patches: [
      {
        file: APPLIER,
        search: "  touchedRef: TokenRef = -1;\n",
        replacement: "  touchedRef: TokenRef = -1;\n  readonly tokensByDigits = new Uint32Array(1 << 20);\n",
      },
      {
        file: APPLIER,
        search: "let token = tokens.findEvent(chain.index, event);",
        replacement: `let digits = 0;
    for (let at = event.tokenStart + 2; at < event.tokenStart + 7; at++) {
      const letter = event.bytes[at];
      digits = digits * 16 + (letter & 15) + 9 * (letter >> 6);
    }
    let token = this.tokensByDigits[digits];
    if (token === 0) {
      token = tokens.findEvent(chain.index, event);
      this.tokensByDigits[digits] = token;
    }`,
      },
    ],
  },
  {
    name: "copies",
    part: "looking for copies",
    how: "Every swap counts as new: the one copy in a hundred, too.",
    patches: [{ file: APPLIER, search: "entry = inclusions.find(hash, event, token);", replacement: "entry = 0;" }],
  },
  {
    name: "swap-index",
    part: "the index of swaps: finding, inserting, removing",
    how: "Every swap counts as new, and none is entered into the index.",
    patches: [
      { file: APPLIER, search: "entry = inclusions.find(hash, event, token);", replacement: "entry = 0;" },
      gone(INCLUSIONS, "this.index.insert(hash, record);"),
      gone(INCLUSIONS, "this.index.remove(hash, entry);"),
    ],
  },
  {
    name: "sums",
    part: "sums of buckets",
    how: "Amounts are not added to the buckets, so rows of settled buckets are shorter.",
    patches: [gone(HOT_BUCKETS, "this.#add(bucket, buy, view, 1);")],
  },
  {
    name: "prices",
    part: "high, low, open and close",
    how: "No swap has a price for its bucket, so rows of settled buckets are shorter.",
    patches: [
      { file: "engine/buckets/hot-extremes.ts", search: "if (!Number.isNaN(price)) {", replacement: "if (false) {" },
    ],
  },
  {
    name: "fine-buckets",
    part: "buckets finer than the coarsest step",
    how: "All windows share the coarsest step, so no bucket ages, and figures are of its grain.",
    patches: [
      {
        file: "engine/buckets/levels.ts",
        search: "const steps = [...new Set(config.windows.map((w) => w.stepMs))].sort((a, b) => a - b);",
        replacement: "const steps = [Math.max(...config.windows.map((w) => w.stepMs))];",
      },
    ],
  },
];
