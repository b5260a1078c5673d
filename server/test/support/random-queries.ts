/** Random queries of the screener. Their values are near those that tokens have, so that equality and the sides of a value are met. */

import {
  needsWindow,
  type ScreenerField,
  screenerField,
  screenerFields,
  sparkFields,
} from "@swapstats/protocol/screener/fields.ts";
import { parseScreenerQuery } from "@swapstats/protocol/screener/parse-query.ts";
import {
  flagOperators,
  numberOperators,
  type ScreenerQuery,
  type ServedWindow,
  textOperators,
} from "@swapstats/protocol/screener/query.ts";
import { type ServedToken, screenedText } from "../model/naive-screener.ts";
import type { Random } from "./seed.ts";

type Written = Record<string, unknown>;

export class RandomQueries {
  readonly #random: Random;
  readonly #windows: readonly ServedWindow[];

  constructor(random: Random, windows: readonly ServedWindow[]) {
    this.#random = random;
    this.#windows = windows;
  }

  /** Returns a query as a client writes it. */
  written(tokens: readonly ServedToken[]): Written {
    const random = this.#random;
    return {
      ...(random.chance(0.95) ? { filter: this.#filter(tokens, 1) } : {}),
      ...(random.chance(0.9) ? { sort: Array.from({ length: 1 + random.below(3) }, () => this.#sort()) } : {}),
      limit: 1 + random.below(random.chance(0.5) ? 5 : 60),
      ...(random.chance(0.3) ? { spark: this.#spark() } : {}),
    };
  }

  #spark(): Written {
    const random = this.#random;
    return {
      field: random.pick(sparkFields),
      window: random.pick(this.#windows).name,
      points: 2 + random.below(random.chance(0.5) ? 6 : 59),
    };
  }

  checked(written: Written): ScreenerQuery {
    const parsed = parseScreenerQuery(written, {
      windows: this.#windows,
      hint: () => "",
      canonicalToken: (text) => text,
    });
    if ("errors" in parsed) throw new Error(JSON.stringify([written, parsed.errors]));
    return parsed.query;
  }

  #filter(tokens: readonly ServedToken[], depth: number): Written {
    const random = this.#random;
    if (depth > 4 || random.chance(0.5)) return this.#leaf(tokens);
    if (random.chance(0.25)) return { not: this.#filter(tokens, depth + 1) };
    const parts = Array.from({ length: 1 + random.below(3) }, () => this.#filter(tokens, depth + 1));
    return random.chance(0.5) ? { and: parts } : { or: parts };
  }

  #field(): { name: string; field: ScreenerField; window: string | undefined } {
    const random = this.#random;
    const name = random.pick(random.chance(0.3) ? ["volume_usd", "trades", "close", "symbol"] : screenerFields);
    const field = screenerField(name) as ScreenerField;
    return { name, field, window: needsWindow(field) ? random.pick(this.#windows).name : undefined };
  }

  #sort(): Written {
    const { name, window } = this.#field();
    return { field: name, ...(window === undefined ? {} : { window }), order: this.#random.pick(["asc", "desc"]) };
  }

  #leaf(tokens: readonly ServedToken[]): Written {
    const random = this.#random;
    const { name, field, window } = this.#field();
    const operators = field.value === "text" ? textOperators : field.value === "flag" ? flagOperators : numberOperators;
    const op = random.pick(operators);
    const value = (): unknown => this.#value(field, name, window, tokens, op);
    const values =
      op === "between"
        ? [value(), value()]
        : op === "in"
          ? Array.from({ length: 1 + random.below(3) }, value)
          : value();
    return { field: name, ...(window === undefined ? {} : { window }), [op]: values };
  }

  #value(field: ScreenerField, name: string, window: string | undefined, tokens: readonly ServedToken[], op: string) {
    const random = this.#random;
    if (field.value === "flag") return random.chance(0.5);
    const token = tokens.length === 0 ? undefined : random.pick(tokens);
    const near = token === undefined ? undefined : screenedText(token, name, window);
    if (field.value === "text") {
      if (name === "token" && token !== undefined && random.chance(0.3)) return token.id;
      const text = near ?? "aaa";
      if (op !== "contains" && op !== "prefix") return text;
      const start = op === "prefix" ? 0 : random.below(text.length);
      const part = text.slice(start, start + 1 + random.below(3));
      return random.chance(0.5) ? part.toUpperCase() : part;
    }
    const text = near ?? (field.value === "time" ? "1767225600000" : String(random.below(30)));
    // One unit behind the last place lies between two values that a token can have.
    if (random.chance(0.2)) return `${text}${text.includes(".") ? "" : "."}${"0".repeat(20)}1`;
    if (random.chance(0.2) && field.value !== "time") return `${Number(text) > 0 ? "-" : ""}${text.replace("-", "")}`;
    return text;
  }
}
