/** Adds up the sums of partitions to the market: counts and dollars of all tokens, whole and by chain, in each window. */
import type { JsonObject } from "@swapstats/protocol/json.ts";

const USD_PLACES = 6;

/** Buys, sells, and dollars of both as integers of 10^-6. */
type Span = readonly [buys: number, sells: number, usdBuy: string, usdSell: string];
type PartChain = {
  /** Tokens with a trade in the longest window. */
  readonly tokens: number;
  /** By window: its sums, and those of the span before it where the figures have one. */
  readonly windows: Readonly<Record<string, readonly [Span] | readonly [Span, Span]>>;
};
/** What a partition sends; see `PartitionMarket.text`. */
type Part = {
  readonly complete: Readonly<Record<string, boolean>>;
  /** Windows that have sums of the span before. */
  readonly previous: readonly string[];
  readonly chains: Readonly<Record<string, PartChain>>;
};

class Sums {
  #buys = 0;
  #sells = 0;
  #usdBuy = 0n;
  #usdSell = 0n;

  add([buys, sells, usdBuy, usdSell]: Span): void {
    this.#buys += buys;
    this.#sells += sells;
    this.#usdBuy += BigInt(usdBuy);
    this.#usdSell += BigInt(usdSell);
  }

  get isZero(): boolean {
    return this.#buys === 0 && this.#sells === 0;
  }

  /** Names and order are those of the figures of a token. */
  figures(): JsonObject {
    return {
      trades: this.#buys + this.#sells,
      buys: this.#buys,
      sells: this.#sells,
      volume_usd: usdText(this.#usdBuy + this.#usdSell),
      buy_volume_usd: usdText(this.#usdBuy),
      sell_volume_usd: usdText(this.#usdSell),
      net_volume_usd: usdText(this.#usdBuy - this.#usdSell),
    };
  }
}

type WindowSums = { readonly sums: Sums; readonly previous: Sums };

/** Sums of a chain, or of all. */
class Total {
  #tokens = 0;
  readonly #windows = new Map<string, WindowSums>();

  add({ tokens, windows }: PartChain): void {
    this.#tokens += tokens;
    for (const [name, [span, before]] of Object.entries(windows)) {
      let window = this.#windows.get(name);
      if (window === undefined) {
        window = { sums: new Sums(), previous: new Sums() };
        this.#windows.set(name, window);
      }
      window.sums.add(span);
      if (before !== undefined) window.previous.add(before);
    }
  }

  get isZero(): boolean {
    const windows = [...this.#windows.values()];
    return this.#tokens === 0 && windows.every(({ sums, previous }) => sums.isZero && previous.isZero);
  }

  data(names: readonly string[], complete: ReadonlySet<string>, previous: ReadonlySet<string>): JsonObject {
    const windows = names.map((name): [string, JsonObject] => {
      const window = this.#windows.get(name) ?? { sums: new Sums(), previous: new Sums() };
      const before = previous.has(name) ? { previous: window.previous.figures() } : {};
      return [name, { complete: complete.has(name), ...window.sums.figures(), ...before }];
    });
    return { tokens_active: this.#tokens, windows: Object.fromEntries(windows) };
  }
}

/**
 * Returns the market of these parts, in these windows: `{"tokens_active","windows":{..},"chains":{"1":{..}}}`. A chain without a trade in any
 * window of the service is left out.
 */
export function marketOf(parts: readonly string[], windows: readonly string[]): JsonObject {
  const all = new Total();
  const chains = new Map<string, Total>();
  const read = parts.map((text) => JSON.parse(text) as Part);
  for (const [chainId, sums] of read.flatMap((part) => Object.entries(part.chains))) {
    const chain = chains.get(chainId) ?? new Total();
    chains.set(chainId, chain);
    chain.add(sums);
    all.add(sums);
  }
  const complete = new Set(windows.filter((name) => read.every((part) => part.complete[name] === true)));
  const previous = new Set(read.flatMap((part) => part.previous));
  const used = [...chains].filter(([, chain]) => !chain.isZero).sort(([a], [b]) => Number(a) - Number(b));
  return {
    ...all.data(windows, complete, previous),
    chains: Object.fromEntries(used.map(([chainId, chain]) => [chainId, chain.data(windows, complete, previous)])),
  };
}

function usdText(micro: bigint): string {
  if (micro < 0n) return `-${usdText(-micro)}`;
  const digits = String(micro).padStart(USD_PLACES + 1, "0");
  const fraction = digits.slice(-USD_PLACES).replace(/0+$/, "");
  const whole = digits.slice(0, -USD_PLACES);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
