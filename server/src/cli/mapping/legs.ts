/** Finds trades of two tokens: members that come twice, such as token_bought_amount and token_sold_amount. */
import { rankOf } from "./field-names.ts";
import type { Leaf } from "./leaves.ts";
import { amountShape, isName } from "./value-shapes.ts";

/** Words of the two sides, and which side the trader takes of each. Undefined: the sign of the amount decides. */
const PAIRS: readonly {
  readonly words: readonly [string, string];
  readonly sides: readonly [Side, Side] | undefined;
}[] = [
  { words: ["bought", "sold"], sides: ["buy", "sell"] },
  { words: ["buy", "sell"], sides: ["buy", "sell"] },
  { words: ["out", "in"], sides: ["buy", "sell"] },
  { words: ["to", "from"], sides: ["buy", "sell"] },
  { words: ["0", "1"], sides: undefined },
];

type Side = "buy" | "sell";

export type Leg = {
  /** Undefined: the sign of the amount decides. */
  readonly side: Side | undefined;
  readonly token: Leaf;
  readonly symbol: Leaf | undefined;
  readonly amount: Leaf;
  readonly usd: Leaf | undefined;
};

/** Returns the two legs of the trade. Undefined: it is a trade of one token. */
export function legsOf(leaves: readonly Leaf[]): readonly [Leg, Leg] | undefined {
  for (const { words, sides } of PAIRS) {
    const [first, second] = words.map((word, index) => legOf(leaves, word, sides?.[index]));
    if (first !== undefined && second !== undefined) return [first, second];
  }
  return undefined;
}

/** Returns the amounts of what the trader gets and gives, of a trade whose token has one name. */
export function legAmounts(leaves: readonly Leaf[]): { readonly got: Leaf; readonly given: Leaf } | undefined {
  for (const { words, sides } of PAIRS) {
    if (sides === undefined) continue;
    const [got, given] = words.map((word) =>
      best(withWord(leaves, word), "amount_token", (leaf) => amountShape(leaf.values) !== undefined),
    );
    if (got !== undefined && given !== undefined) return { got, given };
  }
  return undefined;
}

function legOf(leaves: readonly Leaf[], word: string, side: Side | undefined): Leg | undefined {
  const own = withWord(leaves, word);
  const isAmount = (leaf: Leaf): boolean => amountShape(leaf.values) !== undefined;
  const token = best(own, "token", (leaf) => isName(leaf.values) && !isAmount(leaf));
  const amount = best(own, "amount_token", isAmount);
  if (token === undefined || amount === undefined) return undefined;
  const symbol = best(own, "token_symbol", (leaf) => isName(leaf.values) && leaf !== token);
  return { side, token, symbol, amount, usd: best(own, "amount_usd", isAmount) };
}

type OwnLeaf = { readonly leaf: Leaf; readonly rest: readonly string[] };

/** Returns the members with the word in their path, and the other words. */
function withWord(leaves: readonly Leaf[], word: string): OwnLeaf[] {
  return leaves.flatMap((leaf) =>
    leaf.values.length > 0 && leaf.words.includes(word)
      ? [{ leaf, rest: leaf.words.filter((other) => other !== word) }]
      : [],
  );
}

function best(
  own: readonly OwnLeaf[],
  field: "token" | "token_symbol" | "amount_token" | "amount_usd",
  fits: (leaf: Leaf) => boolean,
): Leaf | undefined {
  let found: Leaf | undefined;
  let rank = Number.POSITIVE_INFINITY;
  for (const { leaf, rest } of own) {
    // `token` alone is the address of `token0`; of `token_bought_symbol` it is not.
    const own = rankOf(field, rest);
    if (own === undefined || own >= rank || !fits(leaf)) continue;
    found = leaf;
    rank = own;
  }
  return found;
}
