import { type Random, randomFrom } from "../support/seed.ts";
import { amountMax, type LogItem, priceFrom, usdMax } from "./log-builder.ts";
import { defaultEventId, type ModelEvent } from "./model-event.ts";

/** A long log from a seed: a market of many tokens, with a share of every kind of fault. */
export type StreamSpec = {
  readonly seed: number;
  readonly count: number;
  readonly tokens: number;
  readonly traders: number;
  readonly startMs: number;
  readonly spanMs: number;
  /** Events are at most this much older than the newest one. */
  readonly disorderMs: number;
  readonly chainIds: readonly number[];
  /** Share of copies, removals, re-inclusions, late events and events too far ahead. */
  readonly copies: number;
  readonly removals: number;
  readonly inclusions: number;
  readonly late: number;
  readonly future: number;
};

export const plainStream: Omit<StreamSpec, "seed" | "count" | "spanMs"> = {
  tokens: 40,
  traders: 300,
  startMs: Date.UTC(2026, 0, 1, 0, 0, 3),
  disorderMs: 30_000,
  chainIds: [1],
  copies: 0.02,
  removals: 0.02,
  inclusions: 0.01,
  late: 0.01,
  future: 0.002,
};

const recentMax = 3_000;

export function buildStream(spec: StreamSpec): LogItem[] {
  const random = randomFrom(spec.seed);
  const zipf = zipfPicker(spec.tokens);
  const items: LogItem[] = [];
  const recent: ModelEvent[] = [];
  /** Announcements whose removal came first. */
  const owed: ModelEvent[] = [];
  let highMs = spec.startMs;
  const push = (event: ModelEvent) => {
    items.push({ kind: "event", event, arrivalMs: Math.max(highMs, event.eventTimeMs) + random.below(5_000) });
    highMs = Math.max(highMs, event.eventTimeMs);
  };
  for (let i = 0; items.length < spec.count; i++) {
    const nowMs = spec.startMs + Math.floor((spec.spanMs * items.length) / spec.count);
    const event = randomSwap(spec, random, i, zipf(random), nowMs - random.below(spec.disorderMs + 1));
    const old = recent.length === 0 ? event : (recent[recentIndex(random, recent.length)] as ModelEvent);
    const dice = random.next();
    const { copies, removals, inclusions, late, future } = spec;
    if (dice < copies) push(old);
    else if (dice < copies + removals) push({ ...old, removed: true });
    else if (dice < copies + removals + inclusions) push(includedAgain(old, random));
    else if (dice < copies + removals + inclusions + late) {
      push({ ...event, eventTimeMs: nowMs - 100_000 - random.below(1_000_000) });
    } else if (dice < copies + removals + inclusions + late + future) {
      const eventTimeMs = nowMs + 100_000 + random.below(1_000_000);
      items.push({ kind: "event", event: { ...event, eventTimeMs }, arrivalMs: nowMs });
    } else if (random.chance(removals / 4)) {
      push({ ...event, removed: true });
      owed.push(event);
    } else {
      push(event);
      recent.push(event);
      if (recent.length > recentMax) recent.splice(0, recentMax / 2);
    }
    if (owed.length > 0 && random.chance(0.2)) push(owed.shift() as ModelEvent);
  }
  return items;
}

/** Usually a near one, sometimes any. */
function recentIndex(random: Random, length: number): number {
  if (random.chance(0.3)) return random.below(length);
  return length - 1 - random.below(Math.min(length, 30));
}

function includedAgain(event: ModelEvent, random: Random): ModelEvent {
  const blockNumber = (event.blockNumber ?? 0) + random.below(3);
  return {
    ...event,
    removed: false,
    revision: random.below(2),
    blockNumber,
    blockHash: random.chance(0.5) ? `0xb${blockNumber.toString(16)}` : undefined,
    eventTimeMs: event.eventTimeMs + random.below(20_000) - 4_000,
    amount: random.chance(0.5) ? event.amount : event.amount + 1n,
  };
}

function randomSwap(spec: StreamSpec, random: Random, serial: number, token: number, eventTimeMs: number): ModelEvent {
  const chainId = random.pick(spec.chainIds);
  const txHash = `0x${serial.toString(16).padStart(64, "0")}`;
  const logIndex = random.below(300);
  const usd = randomUsd(random);
  const hasBlock = random.chance(0.8);
  const symbol = random.chance(0.5) ? `SYM${token % 7}${random.chance(0.05) ? "x" : ""}` : undefined;
  return {
    chainId,
    txHash,
    logIndex,
    txIndex: random.chance(0.5) ? random.below(200) : 0,
    eventId: random.chance(0.1) ? `own-${serial}` : defaultEventId(chainId, txHash, logIndex),
    token: `0x${token.toString(16).padStart(40, "0")}`,
    symbol,
    symbolDropped: symbol === undefined && random.chance(0.05),
    pool: random.chance(0.3) ? `0xpool${random.below(20)}` : undefined,
    who: random.chance(0.95) ? `0x${random.below(spec.traders).toString(16).padStart(40, "a")}` : undefined,
    side: random.chance(0.5) ? "buy" : "sell",
    amount: randomAmount(random),
    usd,
    price: random.chance(0.3) ? priceFrom(`${1 + random.below(999_999)}e${random.below(30) - 20}`) : undefined,
    eventTimeMs: random.chance(0.05) ? Math.floor(eventTimeMs / 60_000) * 60_000 - random.below(2) : eventTimeMs,
    blockNumber: hasBlock ? Math.floor(eventTimeMs / 12_000) : undefined,
    blockHash: hasBlock && random.chance(0.7) ? `0xb${Math.floor(eventTimeMs / 12_000).toString(16)}` : undefined,
    removed: false,
    revision: 0,
  };
}

/** All magnitudes from the smallest to the largest allowed. */
export function randomAmount(random: Random): bigint {
  if (random.chance(0.01)) return amountMax;
  if (random.chance(0.01)) return 1n;
  const digits = 1 + random.below(38);
  return (BigInt(1 + random.below(999_999_999)) * 10n ** BigInt(digits)) / 10n ** 9n + 1n;
}

export function randomUsd(random: Random): bigint {
  if (random.chance(0.01)) return usdMax;
  if (random.chance(0.02)) return 0n;
  return (BigInt(random.below(2 ** 31)) * 10n ** BigInt(random.below(7))) / 10n ** BigInt(random.below(7));
}

/** Picks an index with probability proportional to 1 / (index + 1). */
function zipfPicker(count: number): (random: Random) => number {
  const cumulative: number[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    total += 1 / (i + 1);
    cumulative.push(total);
  }
  return (random) => {
    const wanted = random.next() * total;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] as number) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
