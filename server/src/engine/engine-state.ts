/** The parts of one partition's state, new or on a restored memory image. */

import { ColdStore } from "./buckets/cold-store.ts";
import { HotAgeing } from "./buckets/hot-ageing.ts";
import { HotBuckets } from "./buckets/hot-buckets.ts";
import { HotExtremes } from "./buckets/hot-extremes.ts";
import { HotList } from "./buckets/hot-list.ts";
import { type LevelPlan, planLevels } from "./buckets/levels.ts";
import { Chains } from "./chains.ts";
import { Heap } from "./memory/heap.ts";
import type { HashSeed } from "./memory/keyed-hash.ts";
import { Labels } from "./memory/labels.ts";
import { HOT_BUCKET } from "./memory/layout.ts";
import { Strings } from "./memory/strings.ts";
import type { StreamName } from "./settled-watch.ts";
import { fingerprintOf, IMAGE_FORMAT, type SnapshotHeader } from "./snapshot.ts";
import { Inclusions } from "./swaps/inclusions.ts";
import { RecordMatcher } from "./swaps/record-matcher.ts";
import { RecordOrder } from "./swaps/record-order.ts";
import { RecordWriter } from "./swaps/record-writer.ts";
import { Records } from "./swaps/records.ts";
import { SwapIdentity } from "./swaps/swap-identity.ts";
import { Tokens } from "./tokens.ts";
import { SettledTraders } from "./traders/settled-traders.ts";
import type { Counters, EngineConfig } from "./types.ts";

export class EngineState {
  readonly heap: Heap;
  /** The secret of the hashes. */
  readonly seed: HashSeed;
  readonly plan: LevelPlan;
  readonly strings: Strings;
  readonly tokens: Tokens;
  readonly labels: Labels;
  readonly records: Records;
  readonly identity: SwapIdentity;
  readonly writer: RecordWriter;
  readonly matcher: RecordMatcher;
  readonly order: RecordOrder;
  readonly inclusions: Inclusions;
  readonly hotList: HotList;
  readonly hotExtremes: HotExtremes;
  readonly hot: HotBuckets;
  readonly ageing: HotAgeing;
  readonly cold: ColdStore;
  readonly traders: SettledTraders;
  readonly chains: Chains;
  readonly counters: Counters;
  seenSinceMs: number | undefined;
  /** Events of earlier swaps are late: a history had these swaps as they settled. 0 without one. */
  countsFromMs: number;
  /** Counting swaps that have settled: the sequence of the next one. */
  settledCount: number;
  /** Undefined until `PartitionEngine.nameStream`. */
  stream: StreamName | undefined;

  private constructor(heap: Heap, config: EngineConfig, seed: HashSeed, header: SnapshotHeader | undefined) {
    const [stringsRef, tokensRef, symbolsRef, inclusionsRef] = header?.roots ?? [0, 0, 0, 0];
    this.heap = heap;
    this.seed = seed;
    this.plan = planLevels(config);
    this.strings = new Strings(heap, seed, stringsRef);
    this.tokens = new Tokens(heap, this.strings, seed, tokensRef, symbolsRef);
    this.labels = new Labels(heap, this.strings);
    this.records = new Records(heap, this.strings, this.labels);
    this.identity = new SwapIdentity(seed);
    this.writer = new RecordWriter(heap, this.strings, this.labels, this.records, this.identity);
    this.matcher = new RecordMatcher(heap, this.strings, this.records, this.identity);
    this.order = new RecordOrder(heap, this.strings, this.records);
    this.inclusions = new Inclusions(heap, this.records, this.matcher, this.order, inclusionsRef);
    this.hotList = new HotList(heap, this.plan);
    this.hotExtremes = new HotExtremes(heap, this.records, this.order);
    this.hot = new HotBuckets(heap, this.records, this.hotList, this.hotExtremes);
    this.ageing = new HotAgeing(heap, this.plan, this.hotList, this.hot);
    this.cold = new ColdStore(heap, this.plan);
    this.traders = new SettledTraders(heap, this.records, this.strings, this.plan, config.exactTraders, seed);
    this.chains = new Chains(heap, config, this.plan, header?.chains);
    this.counters = header === undefined ? noCounts() : structuredCopy(header.counters);
    this.seenSinceMs = header?.seenSinceMs ?? undefined;
    this.countsFromMs = header?.countsFromMs ?? 0;
    this.settledCount = header?.settledCount ?? 0;
    this.stream = header?.stream;
    if (header !== undefined) this.#takeTallies(header.tallies);
  }

  /** Creates the state of a partition before its first record. */
  static empty(config: EngineConfig, seed: HashSeed): EngineState {
    return new EngineState(new Heap(), config, seed, undefined);
  }

  /** Creates the state on the memory image of a snapshot with this header. */
  static restored(heap: Heap, config: EngineConfig, header: SnapshotHeader): EngineState {
    return new EngineState(heap, config, header.seed, header);
  }

  #tallies(): Record<string, number> {
    return {
      known: this.tokens.knownCount,
      active: this.tokens.activeCount,
      records: this.records.count,
      recordBytes: this.records.bytes,
      hotBuckets: this.hotList.count,
      coldBlobs: this.cold.blobs.count,
      coldRows: this.cold.blobs.rows,
      coldBytes: this.cold.blobs.bytes,
      tableBytes: this.traders.tables.bytes,
      sketchBytes: this.traders.sketches.bytes,
    };
  }

  #takeTallies(t: Readonly<Record<string, number>>): void {
    this.tokens.knownCount = t["known"] ?? 0;
    this.tokens.activeCount = t["active"] ?? 0;
    this.records.count = t["records"] ?? 0;
    this.records.bytes = t["recordBytes"] ?? 0;
    this.hotList.count = t["hotBuckets"] ?? 0;
    this.cold.blobs.count = t["coldBlobs"] ?? 0;
    this.cold.blobs.rows = t["coldRows"] ?? 0;
    this.cold.blobs.bytes = t["coldBytes"] ?? 0;
    this.traders.tables.bytes = t["tableBytes"] ?? 0;
    this.traders.sketches.bytes = t["sketchBytes"] ?? 0;
  }

  header(config: EngineConfig): SnapshotHeader {
    return {
      format: IMAGE_FORMAT,
      fingerprint: fingerprintOf(config),
      seed: this.seed,
      imageBytes: this.heap.imageBytes,
      counters: structuredCopy(this.counters),
      seenSinceMs: this.seenSinceMs ?? null,
      chains: this.chains.states(),
      roots: [
        this.strings.index.directoryRef,
        this.tokens.index.directoryRef,
        this.tokens.symbolIndex.directoryRef,
        this.inclusions.index.directoryRef,
      ],
      tallies: this.#tallies(),
      ...(this.countsFromMs === 0 ? {} : { countsFromMs: this.countsFromMs }),
      settledCount: this.settledCount,
      ...(this.stream === undefined ? {} : { stream: this.stream }),
    };
  }

  /** Slots of all tables examined beyond the first of each search. Grows with crowding, not with time. */
  probes(): number {
    const { strings, tokens, inclusions, traders } = this;
    const indexes = [strings.index, tokens.index, tokens.symbolIndex, inclusions.index];
    return indexes.reduce((sum, index) => sum + index.probes, traders.tables.probes);
  }

  /** Bytes of the state by kind; they add up to `total`. */
  memory(): Record<string, number> {
    const total = this.heap.inUseBytes;
    const buckets = this.hotList.count * HOT_BUCKET.BYTES + this.cold.blobs.bytes;
    const traders = this.traders.tables.bytes + this.traders.sketches.bytes;
    const inclusions = this.records.bytes + this.inclusions.index.bytes();
    const indexes = this.tokens.index.bytes() + this.tokens.symbolIndex.bytes() + this.strings.index.bytes();
    const other = total - buckets - traders - inclusions - indexes;
    return { buckets, traders, inclusions, indexes, tokens_and_strings: other, total, image: this.heap.imageBytes };
  }
}

export function noCounts(): Counters {
  return {
    accepted: 0,
    applied: 0,
    duplicates: 0,
    late: 0,
    quarantined: 0,
    removed: 0,
    unresolved: 0,
    conflicts: 0,
    replaced: 0,
    removals_unmatched: 0,
    labels_dropped: 0,
    dead_letters: {},
  };
}

function structuredCopy(counters: Counters): Counters {
  const codes = Object.entries(counters.dead_letters).sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...counters, dead_letters: Object.fromEntries(codes) };
}
