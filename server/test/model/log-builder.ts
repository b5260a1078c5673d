import { type Decimal, parseDecimal, toDigits15 } from "./decimal.ts";
import { defaultEventId, type ModelEvent, tokenIdOf } from "./model-event.ts";
import type { ModelConfig } from "./naive-model.ts";

/** A record of a generated log, or an action between two records. */
export type LogItem =
  | { readonly kind: "event"; readonly event: ModelEvent; readonly arrivalMs: number }
  | { readonly kind: "dead_letter"; readonly code: string }
  | { readonly kind: "gap" };

/**
 * The time of an event: relative to the high of its chain minus one of the limits, so that the limits are hit to the
 * millisecond, and perhaps moved to the edge of a bucket.
 */
export type TimeSpec = {
  readonly before: "high" | "grace" | "horizon";
  readonly offsetMs: number;
  /** Index of a window whose step's edge is taken, modulo the count of windows; -1 leaves the time as it is. */
  readonly snap: number;
};

export type SwapSpec = {
  readonly token: number;
  readonly chain: number;
  readonly time: TimeSpec;
  readonly isBuy: boolean;
  readonly amount: bigint;
  readonly usd: bigint;
  /** Decimal text. */
  readonly price: string | undefined;
  /** 0 is none. */
  readonly who: number;
  /** 0 is none, SYMBOL_DROPPED one that is too long. */
  readonly symbol: number;
  /** 0 is none; the block number is one less. */
  readonly block: number;
  readonly logIndex: number;
  readonly txIndex: number;
  /** 0 is none. */
  readonly hash: number;
  /** 0 takes the default id; 1 and 2 are shared, so that two announcements may be one swap; 3 names its neighbour's. */
  readonly ownId: number;
};

/** `back` names an earlier event of the log, counted from its end. */
export type Command =
  | { readonly kind: "swap"; readonly spec: SwapSpec }
  | { readonly kind: "remove_unknown"; readonly spec: SwapSpec }
  | { readonly kind: "copy"; readonly back: number; readonly changed: number }
  | { readonly kind: "remove"; readonly back: number; readonly shiftMs: number }
  | {
      readonly kind: "include_again";
      readonly back: number;
      readonly revision: number;
      readonly block: number;
      readonly hash: number;
      readonly shiftMs: number;
      readonly usd: bigint;
    }
  | { readonly kind: "far_ahead"; readonly spec: SwapSpec; readonly beyondSkewMs: number }
  | { readonly kind: "silence"; readonly chain: number; readonly ms: number }
  | { readonly kind: "dead_letter" }
  | { readonly kind: "gap" };

/** The symbol of a spec that stands for a symbol that is too long. */
export const SYMBOL_DROPPED = 5;
export const amountMax = 10n ** 38n - 1n;
export const usdMax = 9007199254740991n;
const chainIds = [1, 10, 4294967295] as const;

const tokenNames = [
  "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
  "So11111111111111111111111111111111111111112",
  "0x2::sui::SUI",
  "é".repeat(64),
] as const;

/** Turns commands into a log, and tracks the highs as the order of checks does. Equal commands give equal logs. */
export class LogBuilder {
  readonly items: LogItem[] = [];
  readonly #config: ModelConfig;
  readonly #highs = new Map<number, number>();
  readonly #events: ModelEvent[] = [];
  readonly #startMs: number;
  #serial = 0;

  constructor(config: ModelConfig, startMs: number) {
    this.#config = config;
    this.#startMs = startMs;
  }

  build(commands: readonly Command[]): LogItem[] {
    for (const command of commands) this.#run(command);
    return this.items;
  }

  #run(command: Command): void {
    switch (command.kind) {
      case "dead_letter":
        this.items.push({ kind: "dead_letter", code: "malformed_json" });
        return;
      case "gap":
        this.items.push({ kind: "gap" });
        return;
      case "swap":
        this.#push(this.#swap(command.spec));
        return;
      case "remove_unknown":
        this.#push({ ...this.#swap(command.spec), removed: true });
        return;
      case "far_ahead": {
        const event = this.#swap(command.spec);
        this.#push(event, event.eventTimeMs - this.#maxSkewMs(event.chainId) - command.beyondSkewMs);
        return;
      }
      case "silence":
        this.#silence(command.chain, command.ms);
        return;
      default:
        this.#repeat(command);
    }
  }

  #repeat(command: Extract<Command, { back: number }>): void {
    const earlier = this.#events.at(-1 - (command.back % Math.max(1, this.#events.length)));
    if (earlier === undefined) return;
    if (command.kind === "copy") this.#push(changedCopy(earlier, command.changed));
    else if (command.kind === "remove") {
      const eventTimeMs = earlier.eventTimeMs + (earlier.blockHash === undefined ? 0 : command.shiftMs);
      this.#push({ ...earlier, removed: true, eventTimeMs });
    } else {
      this.#push({
        ...earlier,
        removed: false,
        revision: command.revision,
        blockNumber: command.block === 0 ? undefined : command.block - 1,
        blockHash: hashOf(command.hash),
        eventTimeMs: earlier.eventTimeMs + command.shiftMs,
        usd: command.usd,
      });
    }
  }

  /** Raises the chain's high by a swap of a separate token. */
  #silence(chain: number, ms: number): void {
    const chainId = chainIds[chain % chainIds.length] as number;
    const eventTimeMs = this.#highOf(chainId) + ms;
    const txHash = `silence${this.#serial}`;
    this.#serial += 1;
    this.#push({
      chainId,
      txHash,
      logIndex: 0,
      txIndex: 0,
      eventId: defaultEventId(chainId, txHash, 0),
      token: "clock",
      symbol: undefined,
      symbolDropped: false,
      pool: undefined,
      who: undefined,
      side: "buy",
      amount: 1n,
      usd: 0n,
      price: undefined,
      eventTimeMs,
      blockNumber: undefined,
      blockHash: undefined,
      removed: false,
      revision: 0,
    });
  }

  #swap(spec: SwapSpec): ModelEvent {
    const chainId = chainIds[spec.chain % chainIds.length] as number;
    const txHash = txHashOf(this.#serial);
    const neighbour = defaultEventId(chainId, txHashOf(Math.max(0, this.#serial - 1)), spec.logIndex);
    const eventIds = [defaultEventId(chainId, txHash, spec.logIndex), "id1", "id2", neighbour];
    this.#serial += 1;
    return {
      chainId,
      txHash,
      logIndex: spec.logIndex,
      txIndex: spec.txIndex,
      eventId: eventIds[spec.ownId] as string,
      token: tokenNames[spec.token] ?? `T${spec.token}`,
      symbol: spec.symbol === 0 || spec.symbol === SYMBOL_DROPPED ? undefined : `Sym${spec.symbol}`,
      symbolDropped: spec.symbol === SYMBOL_DROPPED,
      pool: spec.block % 3 === 1 ? "pool" : undefined,
      who: spec.who === 0 ? undefined : `wallet${spec.who}`,
      side: spec.isBuy ? "buy" : "sell",
      amount: spec.amount,
      usd: spec.usd,
      price: spec.price === undefined ? undefined : priceFrom(spec.price),
      eventTimeMs: this.#timeOf(chainId, spec.time),
      blockNumber: spec.block === 0 ? undefined : spec.block - 1,
      blockHash: hashOf(spec.hash),
      removed: false,
      revision: 0,
    };
  }

  #timeOf(chainId: number, time: TimeSpec): number {
    const own = this.#config.chains.get(chainId);
    const graceMs = own?.graceMs ?? this.#config.graceMs;
    const horizonMs = Math.max(graceMs, own?.reorgHorizonMs ?? this.#config.reorgHorizonMs);
    const beforeMs = time.before === "high" ? 0 : time.before === "grace" ? graceMs : horizonMs;
    const plainMs = this.#highOf(chainId) - beforeMs + time.offsetMs;
    if (time.snap < 0) return plainMs;
    const { stepMs } = this.#config.windows[time.snap % this.#config.windows.length] as { stepMs: number };
    return Math.floor(plainMs / stepMs) * stepMs - (time.snap % 2);
  }

  #maxSkewMs(chainId: number): number {
    return this.#config.chains.get(chainId)?.maxSkewMs ?? this.#config.maxSkewMs;
  }

  #highOf(chainId: number): number {
    return this.#highs.get(chainId) ?? this.#startMs;
  }

  #push(event: ModelEvent, arrivalMs = Math.max(event.eventTimeMs, this.#highOf(event.chainId))): void {
    this.items.push({ kind: "event", event, arrivalMs });
    this.#events.push(event);
    if (event.eventTimeMs > arrivalMs + this.#maxSkewMs(event.chainId)) return;
    this.#highs.set(event.chainId, Math.max(this.#highOf(event.chainId), event.eventTimeMs));
  }
}

function txHashOf(serial: number): string {
  return `0x${serial.toString(16).padStart(4, "0")}`;
}

/** Per field, a change that does not make another inclusion; the first changes nothing. */
const changes: readonly ((event: ModelEvent) => Partial<ModelEvent>)[] = [
  () => ({}),
  (event) => ({ who: event.who === undefined ? "somebody" : undefined }),
  (event) => ({ usd: event.usd === 0n ? 1n : event.usd - 1n }),
  (event) => ({ amount: event.amount === 1n ? 2n : event.amount - 1n }),
  (event) => ({ side: event.side === "buy" ? "sell" : "buy" }),
  (event) => ({ logIndex: event.logIndex + 1 }),
  (event) => ({ txIndex: event.txIndex + 1 }),
  (event) => ({ txHash: `${event.txHash}f` }),
  (event) => ({ pool: `${event.pool ?? ""}p` }),
  (event) => ({ symbol: event.symbol === undefined ? "Sym0" : undefined }),
  (event) => ({ price: event.price === undefined ? priceFrom("3") : undefined }),
  (event) => ({ blockNumber: event.blockNumber === undefined ? 0 : event.blockNumber + 1 }),
  (event) => ({ eventTimeMs: event.eventTimeMs + (event.blockHash === undefined ? 0 : 1) }),
];

export const changesCount = changes.length;

function changedCopy(event: ModelEvent, changed: number): ModelEvent {
  const change = changes[changed % changes.length] as (event: ModelEvent) => Partial<ModelEvent>;
  return { ...event, ...change(event) };
}

function hashOf(number: number): string | undefined {
  return number === 0 ? undefined : `0x${number.toString(16).padStart(2, "0")}`;
}

export function priceFrom(text: string): Decimal {
  return toDigits15(parseDecimal(text));
}

/** One line that describes the item in a counterexample. */
export function describeItem(item: LogItem): string {
  if (item.kind !== "event") return item.kind;
  const { event, arrivalMs } = item;
  const fields = { ...event, token: tokenIdOf(event), arrivalMs };
  return JSON.stringify(fields, (_key, value) => (typeof value === "bigint" ? value.toString() : value));
}
