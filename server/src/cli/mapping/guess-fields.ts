/** Chooses the member of a producer's records for each field of a swap, by names and by values. */
import { type GuessedField, rankOf } from "./field-names.ts";
import type { Leaf } from "./leaves.ts";
import {
  amountShape,
  isAddress,
  isHash,
  isInteger,
  isName,
  removedTable,
  sideTable,
  timeShape,
} from "./value-shapes.ts";

export type Choices = ReadonlyMap<GuessedField, Leaf>;

/** Whether the values can be those of the field. */
const FITS: Readonly<Record<GuessedField, (leaf: Leaf) => boolean>> = {
  chain_id: ({ values }) => isName(values),
  tx_hash: ({ values, words }) => isName(values) && (words.at(-1) === "hash" || !isInteger(values)),
  log_index: ({ values }) => isInteger(values),
  tx_index: ({ values }) => isInteger(values),
  event_id: ({ values }) => isName(values),
  token: ({ values }) => isName(values) && amountShape(values) === undefined,
  token_symbol: ({ values }) => isName(values) && amountShape(values) === undefined,
  pool: ({ values }) => isName(values) && amountShape(values) === undefined,
  who: ({ values }) => isName(values) && amountShape(values) === undefined,
  side: ({ values, words }) => sideTable(values, words) !== undefined,
  amount_token: ({ values }) => amountShape(values) !== undefined,
  amount_usd: ({ values }) => amountShape(values) !== undefined,
  price_usd: ({ values }) => amountShape(values) !== undefined,
  event_time: ({ values }) => timeShape(values) !== undefined,
  block_number: ({ values }) => isInteger(values),
  block_hash: ({ values }) => isHash(values),
  removed: ({ values }) => removedTable(values) !== undefined,
  revision: ({ values }) => isInteger(values),
  schema_version: ({ values }) => isInteger(values),
};

/** Fields in the order in which they choose: those whose names are clearest go first. */
const ORDER: readonly GuessedField[] = [
  "side",
  "event_time",
  "tx_hash",
  "block_hash",
  "log_index",
  "tx_index",
  "chain_id",
  "amount_usd",
  "price_usd",
  "token",
  "token_symbol",
  "amount_token",
  "pool",
  "who",
  "block_number",
  "removed",
  "revision",
  "schema_version",
  "event_id",
];

/** Required fields, which say whether elements are swaps. */
const TELLING: readonly GuessedField[] = [
  "side",
  "event_time",
  "tx_hash",
  "amount_usd",
  "price_usd",
  "token",
  "amount_token",
];

/** Returns a member for each field that has one. A member serves one field. */
export function chooseFields(leaves: readonly Leaf[]): Choices {
  const chosen = new Map<GuessedField, Leaf>();
  const used = new Set<Leaf>();
  const most = leaves.reduce((count, leaf) => Math.max(count, leaf.count), 0);
  for (const field of ORDER) {
    const leaf = bestLeaf(field, leaves, used, most) ?? byValues(field, leaves, used);
    if (leaf === undefined) continue;
    chosen.set(field, leaf);
    used.add(leaf);
  }
  return chosen;
}

/** Returns how many of the telling fields the choices have. */
export function scoreOf(choices: Choices): number {
  return TELLING.filter((field) => choices.has(field)).length;
}

function bestLeaf(
  field: GuessedField,
  leaves: readonly Leaf[],
  used: ReadonlySet<Leaf>,
  most: number,
): Leaf | undefined {
  let found: Leaf | undefined;
  let best = Number.POSITIVE_INFINITY;
  for (const leaf of leaves) {
    if (used.has(leaf) || leaf.values.length === 0) continue;
    const rank = rankOf(field, leaf.words);
    if (rank === undefined || !FITS[field](leaf)) continue;
    // A member that most elements lack is a weaker sign; an address is a stronger one than a symbol.
    const lacking = leaf.count * 2 < most ? 10 : 0;
    const stronger = (field === "token" || field === "who" || field === "pool") && isAddress(leaf.values) ? -5 : 0;
    const score = rank + lacking + stronger;
    if (score >= best) continue;
    found = leaf;
    best = score;
  }
  return found;
}

/** Returns the only member whose values cannot be anything else. */
function byValues(field: GuessedField, leaves: readonly Leaf[], used: ReadonlySet<Leaf>): Leaf | undefined {
  const tells: Partial<Record<GuessedField, (leaf: Leaf) => boolean>> = {
    side: FITS.side,
    tx_hash: (leaf) => isHash(leaf.values) && !leaf.words.includes("block"),
    event_time: (leaf) =>
      FITS.event_time(leaf) && leaf.values.every(({ text }) => /^\d{4}-\d{2}-\d{2}|^1[0-9]{9,18}$/.test(text)),
  };
  const tell = tells[field];
  if (tell === undefined) return undefined;
  const found = leaves.filter((leaf) => !used.has(leaf) && leaf.values.length > 0 && tell(leaf));
  return found.length === 1 ? found[0] : undefined;
}
