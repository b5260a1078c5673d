/** Answers to questions about the tokens of one host, each made at one as-of, as JSON text that is ready to be sent. */
import type {
  AsOfWish,
  HostBodyAnswer,
  HostLookup,
  HostOverviewAnswer,
  HostPart,
  HostRow,
  HostTokenAnswer,
  RequestOf,
} from "../bus/host-protocol.ts";
import { mergeRanked } from "../bus/rank-order.ts";
import type { SharedClock } from "../bus/shared-clock.ts";
import type { Selection } from "../bus/stats-bus.ts";
import { BOARD_CHAINS_MAX } from "../bus/version-board.ts";
import type { WindowSpec } from "../engine/types.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { LookupCandidates } from "./lookup-candidates.ts";
import { type RankedField, servedValue } from "./ranking.ts";
import { RowFigures } from "./row-figures.ts";
import type { ServedPartition } from "./served-partition.ts";
import { candlesBody, type FigureFilter, figureFilter, statsBody, swapsBody } from "./stats-json.ts";
import { type FoundToken, type Lookup, lookUp } from "./token-lookup.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** The partitions of the host. */
export type HostPartitions = {
  /** Those that can be asked. */
  readonly served: readonly ServedPartition[];
  /** What to answer where one that cannot be asked is needed; undefined while all can. */
  readonly absence: SwapstatsError | undefined;
};

export class HostQueries {
  readonly #partitions: HostPartitions;
  readonly #clock: SharedClock;
  readonly #windows: readonly WindowSpec[];
  readonly #candidates: LookupCandidates;

  constructor(partitions: HostPartitions, clock: SharedClock, windows: readonly WindowSpec[]) {
    this.#partitions = partitions;
    this.#clock = clock;
    this.#windows = windows;
    this.#candidates = new LookupCandidates(windows);
  }

  tokens(request: RequestOf<"tokens">): { asOf: number; items: HostTokenAnswer[] } {
    const partitions = this.#partitions.served;
    const asOf = this.#asOf(partitions, request.at);
    const windowIndexes = request.selection.windows.map((name) => this.windowIndex(name));
    const filter = figureFilter(request.selection.fields);
    const items = request.tokens.map((text) => {
      const { lookup, one } = this.#oneOf(text, asOf, request.choose);
      if (one === undefined) return { lookup, stats: undefined };
      return { lookup, stats: this.#stats(one, windowIndexes, request.selection, filter, asOf) };
    });
    return { asOf, items };
  }

  overview(request: RequestOf<"overview">): HostOverviewAnswer {
    const { window, sort, order, limit } = request.request;
    const partitions = this.#partitions.served;
    const { absence } = this.#partitions;
    if (absence !== undefined) throw absence;
    const asOf = this.#asOf(partitions, request.at);
    const windowIndex = this.windowIndex(window);
    const figures = new RowFigures(window, request.request, (name) => this.windowIndex(name), true);
    const lists = partitions.map((home) => {
      home.views.lookAll(asOf);
      const top = home.ranking(windowIndex, sort as RankedField).top(limit + 1, order, request.after, asOf);
      return top.map((index) => overviewRow(home, index, figures, sort as RankedField, asOf));
    });
    const rows = mergeRanked(lists, order, limit + 1);
    return {
      asOf,
      epoch: hostEpoch(partitions),
      rev: hostRevision(partitions),
      parts: hostParts(partitions),
      rows: rows.slice(0, limit),
      more: rows.length > limit,
    };
  }

  candles(request: RequestOf<"candles">): HostBodyAnswer {
    return this.#body(request, ({ home, token }, asOf) => {
      const { intervalMs, fromMs, toMs, limit } = request;
      const { availableFromMs, items } = home.engine.candles(
        token,
        intervalMs,
        fromMs ?? 0,
        toMs ?? NEVER,
        limit,
        asOf,
      );
      return candlesBody(availableFromMs, items);
    });
  }

  swaps(request: RequestOf<"swaps">): HostBodyAnswer {
    return this.#body(request, ({ home, token }, asOf) => {
      const { availableFromMs, items } = home.engine.newestSwaps(token, request.limit, asOf);
      return swapsBody(availableFromMs, items);
    });
  }

  lookup(text: string): HostLookup | undefined {
    return this.#oneOf(text, this.#clock.now(), false).lookup;
  }

  /** The index of a configured window; rejects others with `bad_request`. */
  windowIndex(name: string): number {
    const index = this.#windows.findIndex((window) => window.name === name);
    if (index === -1) {
      const names = this.#windows.map((window) => window.name).join(", ");
      throw new SwapstatsError("bad_request", `"${name}" is not a configured window; there are ${names}`);
    }
    return index;
  }

  #stats(
    { home, token }: FoundToken,
    windowIndexes: readonly number[],
    selection: Selection,
    filter: FigureFilter,
    asOf: number,
  ): NonNullable<HostTokenAnswer["stats"]> {
    const { engine, board } = home;
    const rev = home.views.look(token, asOf, false);
    const info = engine.info(token);
    const chainIndex = home.chainIndex(info.chainId);
    return {
      epoch: home.epoch,
      rev,
      asOf,
      watermark: home.watermarkMs(info.chainId),
      lagMs: board.lagMs(this.#clock.wallMs()),
      body: statsBody(
        info,
        home.split.has(token),
        selection.windows,
        engine.windowsStats(token, windowIndexes, asOf),
        filter,
      ),
      ticket: {
        partition: home.partition,
        token,
        slot: board.slot(token),
        generation: board.generation(),
        chainIndex,
        graceMs: home.graceMs(info.chainId),
        validUntil: chainIndex < BOARD_CHAINS_MAX ? stepEnd(asOf, home.finestStepMs) : 0,
      },
    };
  }

  #body(
    request: { readonly token: string; readonly choose?: boolean | undefined },
    make: (found: FoundToken, asOf: number) => string,
  ): HostBodyAnswer {
    const asOf = this.#clock.now();
    const { lookup, one } = this.#oneOf(request.token, asOf, request.choose);
    if (one === undefined) return { lookup, found: undefined };
    const { partition, epoch, views } = one.home;
    const rev = views.look(one.token, asOf, false);
    return { lookup, found: { partition, epoch, rev, body: make(one, asOf) } };
  }

  /** What the text stands for, and the token to answer about: the only one, or that of most volume where one is to be chosen. */
  #oneOf(
    text: string,
    asOf: number,
    choose: boolean | undefined,
  ): { readonly lookup: HostLookup | undefined; readonly one: FoundToken | undefined } {
    const partitions = this.#partitions.served;
    const found = this.#lookUp(partitions, text);
    if (found === undefined) return { lookup: undefined, one: undefined };
    const { lookup, best } = this.#candidates.of(found, text, partitions, asOf);
    return { lookup, one: lookup.ids.length === 1 || choose === true ? best : undefined };
  }

  /** Throws `unavailable` when a partition that cannot be asked might know the name, too. */
  #lookUp(partitions: readonly ServedPartition[], text: string): Lookup | undefined {
    const lookup = lookUp(partitions, text);
    const { absence } = this.#partitions;
    if (lookup?.tier !== "id" && absence !== undefined) throw absence;
    return lookup;
  }

  #asOf(partitions: readonly ServedPartition[], wish: AsOfWish): number {
    if (wish === undefined) return this.#clock.now();
    if (wish.forced || partitions.every((home) => wish.asOf >= home.views.lastStepMs)) return wish.asOf;
    return this.#clock.now();
  }
}

/** The end of the step of the finest window that holds this as-of: figures cannot change with time before it. */
function stepEnd(asOfMs: number, stepMs: number): number {
  return Math.floor(asOfMs / stepMs) * stepMs + stepMs;
}

/** A row of an overview; all tokens have been looked at, so the revision stands. */
function overviewRow(
  home: ServedPartition,
  index: number,
  figures: RowFigures,
  sort: RankedField,
  asOf: number,
): HostRow {
  const token = home.views.tokenAt(index);
  const { id, symbol } = home.engine.info(token);
  const { ranked, text } = figures.read(home, token, asOf);
  const symbolJson = symbol === undefined ? "" : `,"symbol":${JSON.stringify(symbol)}`;
  const json = `{"id":${JSON.stringify(id)}${symbolJson},"rev":${home.views.revAt(index)},${text}}`;
  return { key: { value: servedValue(ranked, sort), id }, partition: home.partition, json };
}

/** The epoch of answers about all tokens of a host: those of its partitions. */
export function hostEpoch(partitions: readonly ServedPartition[]): string {
  return partitions.map((home) => home.epoch).join(".");
}

/** A number that grows whenever a token of the host changes; after a look at all. */
export function hostRevision(partitions: readonly ServedPartition[]): number {
  return partitions.reduce((sum, home) => sum + home.views.revision, 0);
}

/** The same of each partition, for readers to whom a partition may come from another host later. */
export function hostParts(partitions: readonly ServedPartition[]): HostPart[] {
  return partitions.map(({ partition, epoch, views }) => ({ partition, epoch, rev: views.revision }));
}
