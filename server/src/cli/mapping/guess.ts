/** Proposes a mapping for the records of a producer. */
import { printableCut } from "../../shared/printable-text.ts";
import type { ExactValue } from "./exact-json.ts";
import { type Choices, chooseFields, scoreOf } from "./guess-fields.ts";
import {
  amountLine,
  amountModifiers,
  buyWords,
  chainLine,
  conditionOf,
  expressionOf,
  type Line,
  literalOf,
  removedLine,
  sideLine,
  spellingsOf,
  timeLine,
  yamlText,
} from "./guess-lines.ts";
import { elementsOf, type Leaf, leavesOf } from "./leaves.ts";
import { type Leg, legAmounts, legsOf } from "./legs.ts";
import { amountShape, distinctOf, isAddress, sideTable, timeShape } from "./value-shapes.ts";

/** Stands where the records have nothing for a required field. */
const PLACEHOLDER = "CHANGE_ME";
/** Notes may name values of the records. */
const NOTE_CHARS_MAX = 200;

export type Guess = {
  /** The mapping as YAML. */
  readonly text: string;
  /** Required fields for which the records have nothing. */
  readonly missing: readonly string[];
};

/** `columns`: the names given to the columns of a table without a header. */
export function guessMapping(records: readonly ExactValue[], columns: readonly string[] | undefined): Guess {
  const candidates = elementsOf(records).map(({ each, elements }) => {
    const leaves = leavesOf(elements);
    const choices = chooseFields(leaves);
    return { each, leaves, choices, score: scoreOf(choices) + (legsOf(leaves) === undefined ? 0 : 2) };
  });
  const best = candidates.reduce((a, b) => (b.score > a.score ? b : a));
  return new Guesser(best.leaves, best.choices, best.each, columns).write();
}

class Guesser {
  readonly #leaves: readonly Leaf[];
  readonly #choices: Choices;
  /** Elements that may be swaps: others, such as a greeting, lack every field. */
  readonly #count: number;
  readonly #each: string | undefined;
  readonly #columns: readonly string[] | undefined;
  readonly #missing: string[] = [];

  constructor(
    leaves: readonly Leaf[],
    choices: Choices,
    each: string | undefined,
    columns: readonly string[] | undefined,
  ) {
    this.#leaves = leaves;
    this.#choices = choices;
    this.#count = [...choices.values()].reduce((most, leaf) => Math.max(most, leaf.count), 0);
    this.#each = each;
    this.#columns = columns;
  }

  write(): Guess {
    const legs = this.#legs();
    const swaps = legs === undefined ? [this.#swap(undefined, [])] : legs.map((leg) => this.#swap(leg, legs));
    const out: string[] = [];
    if (this.#columns !== undefined) out.push(`columns: [${this.#columns.map(yamlText).join(", ")}]`);
    if (this.#leaves.some((leaf) => leaf.others.length > spellingsOf(leaf).length)) out.push("ignore_case: true");
    if (this.#hasComma()) out.push('decimal: ","');
    if (this.#each !== undefined) out.push(`each: ${this.#each}`);
    const conditions = this.#conditions();
    if (conditions.length === 1) out.push(`when: ${conditions[0]}`);
    if (conditions.length > 1) out.push("when:", ...conditions.map((condition) => `  - ${condition}`));
    const noted = new Set<string>();
    out.push("swaps:", ...swaps.flatMap((lines) => swapLines(lines, noted)));
    return { text: `${out.join("\n")}\n`, missing: [...new Set(this.#missing)] };
  }

  /** A trade of two tokens, unless one of them has a name of its own. */
  #legs(): readonly [Leg, Leg] | undefined {
    const legs = legsOf(this.#leaves);
    const token = this.#choices.get("token");
    if (legs === undefined || token === undefined) return legs;
    const isOfLegs = legs.some((leg) => leg.token === token || leg.symbol === token);
    return isOfLegs || (!isAddress(token.values) && isAddress(legs[0].token.values)) ? legs : undefined;
  }

  #swap(leg: Leg | undefined, legs: readonly Leg[]): Line[] {
    const token = leg?.token ?? this.#choices.get("token");
    // Of two symbols, the side would have to choose one.
    const symbol =
      leg === undefined ? (this.#both() === undefined ? this.#choices.get("token_symbol") : undefined) : leg.symbol;
    const lines = [
      chainLine(this.#choices.get("chain_id")),
      this.#transaction(),
      ...this.#plain("tx_index"),
      this.#logIndex(legs),
      ...this.#eventId(),
      token === undefined ? this.#lacks("token", "the address or symbol of the token") : line("token", token),
      ...(symbol === undefined || symbol === token ? [] : [line("token_symbol", symbol)]),
      ...this.#plain("pool"),
      ...this.#plain("who"),
      this.#side(leg, legs),
      this.#amount(leg),
      this.#dollars(leg, legs),
      ...(leg === undefined ? this.#price() : []),
      this.#time(),
      ...this.#plain("block_number"),
      ...this.#plain("block_hash"),
    ];
    const removed = this.#choices.get("removed");
    if (removed !== undefined) lines.push(removedLine(removed));
    return [...lines, ...this.#plain("revision"), ...this.#plain("schema_version")];
  }

  #plain(field: "tx_index" | "pool" | "who" | "block_number" | "block_hash" | "revision" | "schema_version"): Line[] {
    const leaf = this.#choices.get(field);
    return leaf === undefined ? [] : [line(field, leaf)];
  }

  #lacks(field: string, what: string): Line {
    this.#missing.push(field);
    return { field, text: PLACEHOLDER, note: `missing: ${what}` };
  }

  #transaction(): Line {
    const hash = this.#choices.get("tx_hash");
    if (hash !== undefined) return line("tx_hash", hash);
    const id = this.#identity();
    if (id !== undefined)
      return { ...line("tx_hash", id), note: "the records have no transaction: their id stands for it" };
    const telling = this.#telling([]);
    if (telling.length === 0) return this.#lacks("tx_hash", "the transaction of the trade, or its id");
    const note = "the records have no transaction: equal records are copies of each other";
    return { field: "tx_hash", text: `{ hash: [${telling.join(", ")}] }`, note };
  }

  #logIndex(legs: readonly Leg[]): Line {
    const index = this.#choices.get("log_index");
    if (index !== undefined) return line("log_index", index);
    if (this.#identity() !== undefined || !this.#choices.has("tx_hash")) return { field: "log_index", text: "0" };
    const telling = this.#telling(legs);
    if (telling.length === 0)
      return { field: "log_index", text: "0", note: "only one trade of each transaction counts" };
    const note = "the records have no log index: trades of a transaction that are alike in these members count once";
    return { field: "log_index", text: `{ hash: [${telling.join(", ")}] }`, note };
  }

  #eventId(): Line[] {
    const id = this.#identity();
    return id === undefined ? [] : [line("event_id", id)];
  }

  /** A member whose values differ in all elements, or whose name says that it is an identity. */
  #identity(): Leaf | undefined {
    const id = this.#choices.get("event_id");
    if (id === undefined) return undefined;
    const isNamed = ["event", "trade", "swap"].includes(id.words.at(-2) ?? "");
    const isUnique = id.count > 1 && id.count === this.#count && distinctOf(id.values).length === id.count;
    return isNamed || isUnique ? id : undefined;
  }

  /** References that tell trades of one transaction apart. */
  #telling(legs: readonly Leg[]): string[] {
    const fields = ["token", "who", "side", "amount_token", "amount_usd"] as const;
    const own = fields.flatMap((field) => this.#choices.get(field) ?? []);
    const time = this.#choices.has("tx_hash") ? [] : [this.#choices.get("event_time")].flatMap((leaf) => leaf ?? []);
    const leaves = [...own, ...time, ...legs.flatMap(({ token, amount }) => [token, amount])];
    return [...new Set(leaves)].map((leaf) => expressionOf(leaf));
  }

  #side(leg: Leg | undefined, legs: readonly Leg[]): Line {
    if (leg?.side !== undefined) {
      const note = `taken from the name ${leg.amount.reference}: check that it is the trader's side, not the pool's`;
      return { field: "side", text: `{ value: ${leg.side} }`, note };
    }
    const side = this.#choices.get("side");
    if (leg === undefined && side !== undefined) return sideLine(side);
    const amount = leg?.amount ?? this.#choices.get("amount_token");
    const amounts = legs.length === 0 ? [amount] : legs.map((other) => other.amount);
    if (amount === undefined || !amounts.some((other) => amountShape(other?.values ?? [])?.isSigned === true)) {
      return this.#lacks("side", "a member that says whether the trader buys or sells");
    }
    const [positive, negative] = leg === undefined ? ["buy", "sell"] : ["sell", "buy"];
    const note =
      leg === undefined
        ? "a positive amount is taken for a buy"
        : "a positive amount is taken for one that goes into the pool, so the trader sells it";
    const text = `{ sign_of: ${yamlText(amount.reference)}, positive: ${positive}, negative: ${negative} }`;
    return { field: "side", text, note };
  }

  #amount(leg: Leg | undefined): Line {
    const amount = leg?.amount ?? this.#choices.get("amount_token");
    if (amount === undefined) return this.#lacks("amount_token", "the amount of the token");
    const side = this.#choices.get("side");
    const both = leg === undefined ? this.#both() : undefined;
    if (both === undefined || side === undefined) {
      const found = amountLine("amount_token", amount, this.#leaves);
      // The sign of the other amount is the opposite one, whatever the sample holds.
      return leg === undefined || leg.side !== undefined || found.text.includes("abs: true")
        ? found
        : { ...found, text: expressionOf(amount, [...amountModifiers(amount, this.#leaves).modifiers, "abs: true"]) };
    }
    // The trader gets one amount and gives the other; the side says which of them is the token.
    const when = conditionOf(side.reference, `in [${buyWords(side).map(literalOf).join(", ")}]`);
    if (when === undefined) return amountLine("amount_token", amount, this.#leaves);
    const [got, given] = [both.got, both.given].map((leaf) =>
      expressionOf(leaf, amountModifiers(leaf, this.#leaves).modifiers),
    );
    return { field: "amount_token", text: `{ choose: [{ when: ${when}, then: ${got} }, { else: ${given} }] }` };
  }

  #dollars(leg: Leg | undefined, legs: readonly Leg[]): Line {
    const own = [leg?.usd, ...legs.map(({ usd }) => usd)].flatMap((leaf) => leaf ?? []);
    const leaves = [...new Set(own)];
    if (leaves.length > 1) {
      return { field: "amount_usd", text: `{ first: [${leaves.map((leaf) => expressionOf(leaf)).join(", ")}] }` };
    }
    const usd = leaves[0] ?? this.#choices.get("amount_usd");
    const [amount, price] = [this.#choices.get("amount_token"), this.#choices.get("price_usd")];
    const product =
      leg === undefined && amount !== undefined && price !== undefined && this.#both() === undefined
        ? `{ multiply: [${expressionOf(amount, amountModifiers(amount, this.#leaves).modifiers)}, ${expressionOf(price)}] }`
        : undefined;
    if (usd === undefined) {
      if (product === undefined) return this.#lacks("amount_usd", "the dollars of the trade, or a price in dollars");
      const note = price?.words.includes("usd") === true ? undefined : "the price is taken for one in dollars";
      return { field: "amount_usd", text: product, note };
    }
    if (usd.count < this.#count && product !== undefined && amountShape(usd.values)?.isSigned === false) {
      return { field: "amount_usd", text: `{ first: [${expressionOf(usd)}, ${product}] }` };
    }
    const isNamed = usd.words.some((word) => word === "usd" || word === "usdt" || word === "usdc");
    const found = amountLine("amount_usd", usd, this.#leaves);
    return isNamed ? found : { ...found, note: found.note ?? "the name does not say that these are dollars" };
  }

  #price(): Line[] {
    const price = this.#choices.get("price_usd");
    if (price === undefined) return [];
    const note = price.words.includes("usd")
      ? undefined
      : "taken for dollars a token; without this line the price is dollars by amount";
    return [{ ...line("price_usd", price), note }];
  }

  #time(): Line {
    const time = this.#choices.get("event_time");
    if (time === undefined) return this.#lacks("event_time", "the time of the block or trade");
    const second = this.#leaves.find(
      (leaf) =>
        leaf !== time &&
        time.count < this.#count &&
        leaf.count === this.#count &&
        timeShape(leaf.values)?.kind === "plain",
    );
    return timeLine(time, second);
  }

  #hasComma(): boolean {
    const fields = ["amount_token", "amount_usd", "price_usd"] as const;
    return fields.some((field) => amountShape(this.#choices.get(field)?.values ?? [])?.hasComma === true);
  }

  /** Amounts of what the trader gets and gives, of which the side chooses. */
  #both(): ReturnType<typeof legAmounts> {
    const [side, amount] = [this.#choices.get("side"), this.#choices.get("amount_token")];
    const both = legAmounts(this.#leaves);
    if (side === undefined || both === undefined || buyWords(side).length === 0) return undefined;
    return amount === both.got || amount === both.given ? both : undefined;
  }

  /** Conditions for elements that are no trades, or that failed. */
  #conditions(): string[] {
    const conditions: (string | undefined)[] = [];
    const side = this.#choices.get("side");
    let hasKind = false;
    for (const leaf of this.#leaves) {
      const last = leaf.words.at(-1) ?? "";
      const values = distinctOf(leaf.values);
      if (last === "success" && values.every((text) => /^(true|false)$/i.test(text))) {
        conditions.push(conditionOf(leaf.reference, "== true"));
      }
      const trade = values.find((text) => /^(swap|trade)s?$/i.test(text));
      if (!hasKind && leaf !== side && trade !== undefined && (values.length > 1 || leaf.count < this.#count)) {
        conditions.push(conditionOf(leaf.reference, `== ${trade}`));
        hasKind = true;
      }
    }
    const words = side === undefined ? {} : (sideTable(side.values, side.words) ?? {});
    if (side !== undefined && distinctOf(side.values).length > Object.keys(words).length) {
      conditions.push(conditionOf(side.reference, `in [${Object.keys(words).map(literalOf).join(", ")}]`));
    }
    return conditions.flatMap((condition) => condition ?? []);
  }
}

function line(field: string, leaf: Leaf): Line {
  return { field, text: expressionOf(leaf) };
}

/** Each note stands above its line, and once. */
function swapLines(lines: readonly Line[], noted: Set<string>): string[] {
  return lines.flatMap(({ field, text, note }, index) => {
    const indent = index === 0 ? "  " : "    ";
    const written = `${index === 0 ? "  - " : "    "}${field}: ${text}`;
    if (note === undefined || noted.has(`${field} ${note}`)) return [written];
    noted.add(`${field} ${note}`);
    return [`${indent}# ? ${printableCut(note, NOTE_CHARS_MAX)}`, written];
  });
}
