/** Random histories for the suite of the stores: rows with values at every limit, in streams that supersede each other. */
import type {
  Edge,
  HistoryBatch,
  SettledMark,
  SettledRow,
  Span,
  StreamKey,
  TokenKey,
} from "../../../src/ports/history-store.ts";
import type { Random } from "../../support/seed.ts";

/** The span of a stream without limits. */
export const ALWAYS: Span = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
/** The largest amount: 38 digits. */
export const UNITS_MAX = 10n ** 38n - 1n;
/** An hour before the end of a month, so that histories cross it. */
export const BEGIN_MS = Date.UTC(2026, 0, 31, 23);

const LONG = "ö".repeat(64);
const TEXTS = [
  "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
  "0x2::sui::SUI",
  'it\'s "quoted" `twice` \\ and \\N',
  "100%_of *? [a-z] {b} $1 ?",
  "tab\tline\nreturn\rnul\0end",
  " spaces at both ends ",
  "🦄\u{10ffff}",
  // In UTF-16 this one sorts behind the one before, in UTF-8 in front of it.
  "\uffee\ufffd",
  LONG,
  "NULL",
  ";drop table swaps;--",
];
const CHAINS = [0, 1, 56, 900, 4_294_967_295];

type MadeStream = {
  readonly key: StreamKey;
  readonly span: Span;
  /** Row i has sequence `fromSequence` + i. */
  readonly fromSequence: number;
  readonly rows: readonly SettledRow[];
  /** True marks, ascending. */
  readonly marks: readonly SettledMark[];
};

export type MadeHistory = { readonly tokens: readonly TokenKey[]; readonly streams: readonly MadeStream[] };

type Shape = {
  readonly streams: number;
  readonly rows: number /** Mean distance of two rows of a stream. */;
  readonly stepMs: number;
};

/** Makes histories. Event ids are unique within one maker. */
export class HistoryMaker {
  readonly #random: Random;
  #made = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  tokens(count: number): TokenKey[] {
    const { pick, below } = this.#random;
    const tokens = Array.from({ length: count }, () => ({ chainId: pick(CHAINS), token: pick(TEXTS) }));
    // The same address on another chain is another token.
    tokens.push({
      chainId: CHAINS[(CHAINS.indexOf(tokens[0]!.chainId) + 1) % CHAINS.length]!,
      token: tokens[0]!.token,
    });
    tokens.push({
      chainId: 1,
      token: `0x${below(2 ** 31)
        .toString(16)
        .padStart(40, "0")}`,
    });
    return [...new Map(tokens.map((token) => [JSON.stringify(token), token])).values()];
  }

  history({ streams, rows, stepMs }: Shape): MadeHistory {
    const tokens = this.tokens(4);
    const keys = new Map<string, StreamKey>();
    const { pick, below, chance } = this.#random;
    while (keys.size < streams) {
      const key = { logId: pick(["", "log-a", "import:o'b"]), partition: below(2), epoch: 1 + below(9) };
      keys.set(JSON.stringify(key), key);
    }
    const lengthMs = rows * stepMs;
    const made = [...keys.values()].map((key) => {
      const span = chance(0.4) ? ALWAYS : this.#span(lengthMs);
      return this.stream(key, span, tokens, { rows: below(rows + 1), stepMs });
    });
    return { tokens, streams: made };
  }

  /** Whole minutes around a part of the history. */
  #span(lengthMs: number): Span {
    const { below, chance } = this.#random;
    const minutes = Math.ceil(lengthMs / MINUTE_MS);
    const fromMs = BEGIN_MS + (below(minutes) - 5) * MINUTE_MS;
    return { fromMs, toMs: chance(0.5) ? ALWAYS.toMs : fromMs + (1 + below(minutes)) * MINUTE_MS };
  }

  stream(
    key: StreamKey,
    span: Span,
    tokens: readonly TokenKey[],
    { rows, stepMs }: Omit<Shape, "streams">,
  ): MadeStream {
    const { below, chance, pick } = this.#random;
    const fromSequence = pick([0, 1, 1_000_000, 2 ** 40]);
    const made: SettledRow[] = [];
    for (let i = 0, timeMs = BEGIN_MS; i < rows; i++) {
      // Swaps settle late, in groups of the same second, or of the same millisecond.
      timeMs += chance(0.3) ? 0 : below(2 * stepMs + 1);
      made.push(this.row(pick(tokens), chance(0.2) ? timeMs - below(3 * MINUTE_MS) : timeMs));
    }
    return { key, span, fromSequence, rows: made, marks: this.#marks(key, fromSequence, made) };
  }

  #marks(key: StreamKey, fromSequence: number, rows: readonly SettledRow[]): SettledMark[] {
    const marks: SettledMark[] = [];
    let laterMs = (rows.at(-1)?.eventTimeMs ?? 0) + this.#random.below(2 * DAY_MS);
    for (let i = rows.length; i >= 0; i--) {
      if (this.#random.chance(0.02) || i === rows.length) {
        marks.push({ ...key, sequence: fromSequence + i, beforeMs: laterMs });
      }
      if (i > 0) laterMs = Math.min(laterMs, rows[i - 1]!.eventTimeMs);
    }
    return marks.reverse();
  }

  row({ chainId, token }: TokenKey, eventTimeMs: number): SettledRow {
    const { below, chance, pick, next } = this.#random;
    const price = chance(0.2)
      ? undefined
      : pick([next(), 1e-18 * next(), 1e15 * next(), 1, 5e-324, 1.7e308, 0.1 + 0.2]);
    const id = `${++this.#made}`;
    const text = (): string => pick(TEXTS);
    return {
      chainId,
      token,
      symbol: chance(0.3) ? undefined : pick(["WETH", "PEPE", "", ...TEXTS.slice(2, 6)]),
      pool: chance(0.5) ? undefined : text(),
      who: chance(0.1) ? undefined : `${text()}${below(4)}`,
      isBuy: chance(0.5),
      amountUnits: pick([0n, 1n, UNITS_MAX, UNITS_MAX, BigInt(below(2 ** 32)) * 10n ** 18n, 10n ** 19n - 1n]),
      usdMicro: pick([0, 1, Number.MAX_SAFE_INTEGER, below(2 ** 32)]),
      givenPrice: chance(0.5) ? undefined : pick([1e-30, 123456789.012345, next()]),
      price,
      eventTimeMs,
      txHash: chance(0.5) ? `0x${id.padStart(64, "0")}` : `${text()}${id}`,
      logIndex: pick([0, 0, 1, below(1_000), 4_294_967_295]),
      txIndex: pick([0, 0, 1, 4_294_967_295]),
      eventId: `${text()}:${id}`,
      blockNumber: chance(0.2) ? undefined : pick([0, 18_000_000, Number.MAX_SAFE_INTEGER, below(3)]),
      blockHash: chance(0.5) ? undefined : text(),
      revision: pick([0, 0, 1, Number.MAX_SAFE_INTEGER]),
    };
  }

  /** A swap whose event id is the default one. */
  plainRow(token: TokenKey, eventTimeMs: number): SettledRow {
    const row = this.row(token, eventTimeMs);
    const txHash = `0x${`${this.#made}`.padStart(64, "0")}`;
    return { ...row, txHash, eventId: `${token.chainId}:${txHash}:${row.logIndex}` };
  }

  /** Cuts the streams into batches of every size, repeats some rows, and mixes the streams, each in its order. A mark follows its rows. */
  batches({ streams }: MadeHistory, sizeMax: number): HistoryBatch[] {
    const { below, chance } = this.#random;
    const batches: HistoryBatch[] = [];
    const ends = streams.map(() => 0);
    const open = (): number[] => [...streams.keys()].filter((i) => ends[i]! < streams[i]!.rows.length);
    while (open().length > 0) {
      const settled = open()
        .filter(() => chance(0.7))
        .map((i) => {
          const { key, fromSequence, rows } = streams[i]!;
          const from = Math.max(0, ends[i]! - (chance(0.4) ? below(sizeMax) : 0));
          ends[i] = Math.min(rows.length, Math.max(ends[i]!, from + below(sizeMax + 1)));
          return { ...key, fromSequence: fromSequence + from, rows: rows.slice(from, ends[i]) };
        });
      const marks = streams.flatMap((stream, i) => {
        const covered = stream.marks.filter(({ sequence }) => sequence <= stream.fromSequence + ends[i]!);
        return covered.length > 0 && chance(0.7) ? [covered.at(-1)!] : [];
      });
      batches.push({ settled, raw: [], marks });
    }
    return batches;
  }

  /** A span around the history: empty, of whole minutes or days, or any. */
  span(lengthMs: number): Span {
    const { below, pick, chance } = this.#random;
    const unit = pick([1, 1, 1_000, MINUTE_MS, HOUR_MS, DAY_MS]);
    const at = (): number => Math.floor((BEGIN_MS - HOUR_MS + below(lengthMs + 2 * HOUR_MS)) / unit) * unit;
    if (chance(0.1)) return { fromMs: 0, toMs: BEGIN_MS + 3 * lengthMs };
    const [a, b] = [at(), at()];
    return { fromMs: Math.min(a, b), toMs: Math.max(a, b) };
  }

  edges({ streams }: MadeHistory): Edge[] {
    const { below, chance, pick } = this.#random;
    const edges = streams
      .filter(() => chance(0.5))
      .map(({ key, fromSequence, rows, marks }) => {
        const any = fromSequence + below(rows.length + 10);
        return { ...key, sequence: chance(0.5) && marks.length > 0 ? pick(marks).sequence : any };
      });
    if (chance(0.2)) edges.push({ logId: "no such log", partition: 0, epoch: 1, sequence: 0 });
    return edges;
  }
}
