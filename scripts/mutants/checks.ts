/** Breakages of the order of checks, of inclusions and of what a token remembers. */
import type { Mutant } from "./mutant.ts";

const engine = "partition-engine.ts";

export const checkMutants: readonly Mutant[] = [
  {
    file: engine,
    search: "event.eventTimeMs > arrivalMs + this.config.maxSkewMs",
    replacement: "event.eventTimeMs >= arrivalMs + this.config.maxSkewMs",
    what: "an event exactly max_skew ahead is quarantined",
  },
  {
    file: engine,
    search: "if (chains.list.length >= CHAINS_MAX) {",
    replacement: "if (chains.list.length > CHAINS_MAX) {",
    what: "one chain too many",
  },
  {
    file: engine,
    search: "} else if (event.eventTimeMs > chain.highMs) {",
    replacement: "} else if (event.eventTimeMs > chain.highMs && !event.removed) {",
    what: "a removal does not raise the high",
  },
  {
    file: engine,
    search: "if (this.#state.seenSinceMs === undefined) this.#state.seenSinceMs = chain.highMs;",
    replacement: "if (this.#state.seenSinceMs === undefined) this.#state.seenSinceMs = event.eventTimeMs;",
    what: "after a gap seen_since is the event's time, not the high",
  },
  {
    file: engine,
    search: "const oldestMs = chain.highMs - chain.horizonMs;",
    replacement: "const oldestMs = chain.highMs - chain.graceMs;",
    what: "the horizon is grace",
  },
  {
    file: engine,
    search: "if (event.eventTimeMs < oldestMs) return",
    replacement: "if (event.eventTimeMs <= oldestMs) return",
    what: "late on the last millisecond of the horizon",
  },
  {
    file: engine,
    search: "if (entry !== 0 && inclusions.lastMs(entry) < oldestMs) {",
    replacement: "if (entry !== 0 && inclusions.lastMs(entry) <= oldestMs) {",
    what: "forgotten a millisecond early",
  },
  {
    file: engine,
    search: "} else if (!event.removed && event.eventTimeMs < chain.highMs - chain.graceMs) {",
    replacement: "} else if (event.eventTimeMs < chain.highMs - chain.graceMs) {",
    what: "an unknown swap's removal is late beyond grace",
  },
  {
    file: engine,
    search: "} else if (!event.removed && event.eventTimeMs < chain.highMs - chain.graceMs) {",
    replacement: "} else if (!event.removed && event.eventTimeMs <= chain.highMs - chain.graceMs) {",
    what: "late on the last millisecond of grace",
  },
  {
    file: engine,
    search: "inclusions.count(entry) >= INCLUSIONS_MAX",
    replacement: "inclusions.count(entry) > INCLUSIONS_MAX",
    what: "a seventeenth inclusion",
  },
  {
    file: engine,
    search: "tokens.knownCount >= this.config.maxTokens",
    replacement: "tokens.knownCount > this.config.maxTokens",
    what: "a token beyond max_tokens",
  },
  {
    file: engine,
    search: "if (!event.removed && (token === 0 || !tokens.isKnown(token)) && tokens.knownCount",
    replacement: "if ((token === 0 || !tokens.isKnown(token)) && tokens.knownCount",
    what: "removals of unknown tokens fall under max_tokens",
  },
  {
    file: engine,
    search: "if (!records.sameContent(first, event)) counters.conflicts += 1;",
    replacement: "if (first === 0) counters.conflicts += 1;",
    what: "conflicts are not counted",
  },
  {
    file: engine,
    search: "if (holder !== 0 && records.compare(record, holder, chain.id) < 0) return;",
    replacement: "if (holder !== 0 && records.compare(record, holder, chain.id) > 0) return;",
    what: "the symbol of the first swap, not of the last",
  },
  {
    file: engine,
    search: "if (heap.u32[2 * active + SYMBOL_HOLDER] === record) this.#findSymbol(token, active, chain);",
    replacement: "if (heap.u32[2 * active + SYMBOL_HOLDER] === 0) this.#findSymbol(token, active, chain);",
    what: "a removed swap's symbol stays",
  },
  {
    file: engine,
    search: "let symbol = tokens.settledSymbol(token);",
    replacement: "let symbol = 0;",
    what: "a settled symbol is not found again",
  },
  {
    file: engine,
    search: "this.#upkeep.visit(due, chain);",
    replacement: "if (due < 0) this.#upkeep.visit(due, chain);",
    what: "no token is ever looked after",
  },
  {
    file: engine,
    search: "this.#state.seenSinceMs = undefined;\n",
    replacement: "this.#state.seenSinceMs ??= undefined;\n",
    what: "a gap is not noted",
  },
  {
    file: engine,
    search: "if (tokens.lastRecordMs(ref) >= chain.highMs - chain.horizonMs) return false;",
    replacement: "if (tokens.lastRecordMs(ref) > chain.highMs + chain.horizonMs) return false;",
    what: "a token with unsettled swaps is retired",
  },
  {
    file: engine,
    search: "tokens.touch(token);\n",
    replacement: "if (!event.removed) tokens.touch(token);\n",
    what: "a removal does not raise the version",
    survives: "countRemoved raises the version before; only the removal that changes no counter would show it",
  },
  {
    file: "inclusions.ts",
    search: "if (best === 0 || this.#records.compareInclusions(a, best) > 0) best = a;",
    replacement: "if (best === 0 || this.#records.compareInclusions(a, best) < 0) best = a;",
    what: "the least inclusion counts",
  },
  {
    file: "inclusions.ts",
    search: "if (a === 0 || this.removal(entry, i) !== 0) continue;",
    replacement: "if (a === 0) continue;",
    what: "a removed inclusion counts",
  },
  {
    file: "inclusions.ts",
    search: "if (r !== 0) last = Math.max(last, this.#records.timeMs(r));",
    replacement: "if (r !== 0 && a === 0) last = Math.max(last, this.#records.timeMs(r));",
    what: "the time of a removal does not prolong a swap's life",
  },
  {
    file: "inclusions.ts",
    search: "const grown = this.#newGroup(heap.u32[2 * group + 1] * 2);",
    replacement: "const grown = this.#newGroup(heap.u32[2 * group + 1] + 0);",
    what: "a group of inclusions that does not grow writes beyond its end",
  },
  {
    file: "records.ts",
    search: "Math.max(view.blockNumber, 0) === Math.max(event.blockNumber, 0) &&",
    replacement: "view.blockNumber === event.blockNumber &&",
    what: "no block number differs from block number 0",
  },
  {
    file: "records.ts",
    search: "same(view.symbol, event.symbolStart, event.symbolEnd) &&",
    replacement: "",
    what: "a copy with another symbol is no conflict",
  },
  {
    file: "records.ts",
    search: "Object.is(view.price, event.priceUsd) &&",
    replacement: "",
    what: "a copy with another price is no conflict",
  },
  {
    file: "record-view.ts",
    search: "if (view.usdMicro === 0) return Number.NaN;",
    replacement: "",
    what: "a swap for nothing has the price 0",
  },
  {
    file: "chains.ts",
    search: "const horizonMs = Math.max(graceMs, own?.reorgHorizonMs ?? this.#config.reorgHorizonMs);",
    replacement: "const horizonMs = own?.reorgHorizonMs ?? this.#config.reorgHorizonMs;",
    what: "a reorg horizon below grace rules",
  },
  {
    file: "chains.ts",
    search: "const graceMs = own?.graceMs ?? this.#config.graceMs;",
    replacement: "const { graceMs } = this.#config;",
    what: "a chain's own grace is ignored",
  },
  {
    file: "chains.ts",
    search: "const hotMs = Math.max(horizonMs, this.#config.maxSkewMs + this.#plan.finestStepMs);",
    replacement: "const hotMs = horizonMs;",
    what: "with a short horizon traders settle that an as-of behind the high must not see yet",
  },
];
