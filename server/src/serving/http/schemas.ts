/**
 * Schemas of everything that goes over HTTP, in TypeBox. Requests are checked by them, the OpenAPI document is made of them, and
 * tests hold every answer to them.
 */

import {
  edgeFields,
  type FigureKind,
  figures,
  previousFields,
  type StatsField,
  statsFields,
} from "@swapstats/protocol/figures.ts";
import { requestLimits } from "@swapstats/protocol/limits.ts";
import { problemCodes } from "@swapstats/protocol/problems.ts";
import { type TSchema, Type } from "typebox";

/** Times of swaps are not below it (March 1973), so a smaller number is one of seconds. */
const QUERY_TIME_MS_MIN = 100_000_000_000;

/** A reference to a schema of `components`. */
export const ref = (name: keyof typeof components): TSchema => Type.Unsafe({ $ref: `#/components/schemas/${name}` });

const timeMs = (description: string) => Type.Integer({ minimum: 0, description: `${description}, in ms since 1970` });
const count = (description?: string) =>
  Type.Integer({ minimum: 0, ...(description === undefined ? {} : { description }) });
const decimal = (description?: string) =>
  Type.String({
    pattern: "^-?(0|[1-9][0-9]*)(\\.[0-9]*[1-9])?$",
    ...(description === undefined ? {} : { description }),
  });
const optional = Type.Optional;

/** By kind of figure. */
const schemaOfKind: Readonly<Record<Exclude<FigureKind, "span">, (description: string) => TSchema>> = {
  flag: (description) => Type.Boolean({ description }),
  mark: (description) => Type.Literal(true, { description }),
  time: timeMs,
  count,
  usd: decimal,
  amount: decimal,
  price: decimal,
  percent: decimal,
  share: decimal,
};
const figureSchema = (name: StatsField): TSchema => {
  const { kind, doc } = figures[name];
  return kind === "span" ? Type.Object(volumes, { description: doc }) : schemaOfKind[kind](doc);
};
const volumes = Object.fromEntries(previousFields.map((name) => [name, figureSchema(name)]));
const edges: readonly string[] = edgeFields;
const windowFigures = Type.Object(
  Object.fromEntries(
    statsFields.map((name) => [name, edges.includes(name) ? figureSchema(name) : optional(figureSchema(name))]),
  ),
  { description: "Figures of a token in a window. A figure without a value, or that was not asked for, is absent." },
);

export const stale = Type.Optional(
  Type.Literal(true, {
    description: "Only while an owner is away: the answer is the last known one, with the as_of of then",
  }),
);
export const chosen = Type.Optional(
  Type.Object(
    { by: Type.Literal("largest"), of: Type.Integer({ minimum: 2, description: "Tokens of the name, at least" }) },
    { description: "Only where the name stands for several tokens: why the answer is about this one" },
  ),
);
const standing = {
  as_of: timeMs("The instant that the answer speaks of"),
  watermark: Type.Integer({ description: "Event time before which an ordinary swap is late, in ms since 1970" }),
  epoch: Type.String({ description: "Revisions of different epochs do not compare" }),
  rev: count("Grows when any of the figures changes"),
  lag_ms: count("Age of the oldest swap that is taken and not yet in the figures"),
  stale,
  chosen,
};
const windowsByName = Type.Record(Type.String(), Type.Unsafe({ $ref: "#/components/schemas/WindowFigures" }));
const tokenId = Type.String({ description: "`<chain_id>:<token>`, canonical" });

const split = optional(
  Type.Literal(true, { description: "Other partitions have swaps of the token too: no figure is whole" }),
);

const tokenStats = Type.Object({
  id: tokenId,
  symbol: optional(Type.String()),
  split,
  ...standing,
  late: count("Swaps of the token that came too late to count"),
  removed: count("Removals of swaps of the token"),
  unresolved: count("Removals that came too late"),
  replaced: count("Announcements that took the place of another one of their swap which counted and was not removed"),
  removals_unmatched: count("Removals that came before their announcement"),
  windows: windowsByName,
});

const eventError = Type.Object({
  index: count("Index of the event in the body, from 0"),
  code: Type.String(),
  message: Type.String(),
});

const problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: "What is wrong this time, and what to do" }),
    code: Type.Enum([...problemCodes]),
    instance: Type.String(),
    candidates: optional(
      Type.Array(Type.Unsafe({ $ref: "#/components/schemas/Candidate" }), {
        description: "Tokens that an ambiguous name stands for, the most volume first",
      }),
    ),
    more: optional(count("Tokens of the name beside these, at least")),
    errors: optional(
      Type.Array(
        Type.Object({
          in: Type.Enum(["path", "query", "body", "header"]),
          name: Type.String(),
          message: Type.String(),
        }),
        {
          description: "Every parameter that breaks a rule",
        },
      ),
    ),
    accepted: optional(count()),
    rejected: optional(Type.Array(eventError)),
    reasons: optional(Type.Array(Type.String())),
  },
  { description: "RFC 9457" },
);

const candle = Type.Object({
  open_time: timeMs("Start of the candle"),
  open: optional(decimal()),
  high: optional(decimal()),
  low: optional(decimal()),
  close: optional(decimal()),
  volume_usd: decimal(),
  volume_token: decimal(),
  trades: count(),
  buys: count(),
  sells: count(),
  complete: Type.Boolean({ description: "False while the candle is open, or when the service did not see all of it" }),
});

const uint32 = Type.Integer({ minimum: 0, maximum: 4_294_967_295 });

const servedSwap = Type.Object({
  chain_id: uint32,
  tx_hash: Type.String(),
  log_index: uint32,
  tx_index: optional(uint32),
  event_id: Type.String(),
  token: Type.String(),
  token_symbol: optional(Type.String()),
  pool: optional(Type.String()),
  who: optional(Type.String()),
  side: Type.Enum(["buy", "sell"]),
  amount_token: decimal(),
  amount_usd: decimal(),
  price_usd: optional(decimal()),
  event_time: timeMs("When the swap happened"),
  block_number: optional(count()),
  block_hash: optional(Type.String()),
  revision: optional(count()),
});

const decimalText = Type.String({ maxLength: 100, pattern: "^-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$" });
const positiveInput = Type.Union([decimalText, Type.Number({ exclusiveMinimum: 0 })]);
const text = (bytesMax: number) => ({ minLength: 1, maxLength: bytesMax });
const swapEvent = Type.Object(
  {
    chain_id: uint32,
    tx_hash: Type.String(text(128)),
    log_index: uint32,
    tx_index: optional(
      Type.Integer({
        minimum: 0,
        maximum: 4_294_967_295,
        description:
          "Index of the transaction in its block, where log_index begins anew with each; alias transaction_index",
      }),
    ),
    event_id: optional(Type.String({ ...text(128), description: "Default `<chain_id>:<tx_hash>:<log_index>`" })),
    token: Type.String({ ...text(128), description: "Address or symbol; alias token_address" }),
    token_symbol: optional(Type.String(text(64))),
    pool: optional(Type.String(text(128))),
    who: optional(Type.String({ ...text(128), description: "Wallet; aliases wallet, trader, maker" })),
    side: Type.Enum(["buy", "sell"]),
    amount_token: positiveInput,
    amount_usd: Type.Union([decimalText, Type.Number({ minimum: 0 })]),
    price_usd: optional(positiveInput),
    event_time: Type.Union(
      [Type.Integer({ minimum: 100_000_000_000, maximum: 253_402_300_799_999 }), Type.String(text(128))],
      { description: "ms since 1970, or RFC 3339; alias ts" },
    ),
    block_number: optional(count()),
    block_hash: optional(Type.String(text(128))),
    removed: optional(Type.Boolean({ description: "True: the chain dropped the block, take the swap out" })),
    revision: optional(count()),
    schema_version: optional(Type.Integer()),
  },
  {
    description:
      "One swap. Unknown fields are ignored; each event is checked on its own, and a bad one is listed in `rejected`.",
  },
);

const status = Type.Object({
  instance: Type.String(),
  version: Type.String(),
  uptime_ms: count(),
  tokens: count("Known tokens, retired ones among them"),
  partitions: Type.Array(
    Type.Object({
      partition: count(),
      owner: Type.String(),
      epoch: Type.String(),
      next_offset: count("Position of the state from which every later answer is made"),
      end_offset: count(),
      lag: count("Records that are taken and not yet in the state"),
      lag_ms: count(),
      seen_since: optional(timeMs("Since when nothing was missed")),
      watermark: Type.Record(Type.String(), Type.Integer(), { description: "By chain" }),
      checkpoint: optional(Type.Object({ offset: count(), time: timeMs("When it was written"), bytes: count() })),
      arrival_clock: Type.Optional(
        Type.Enum(["broker", "producer", "reader"], {
          description:
            "Of a topic: whose clock set the arrivals of the records read last. A producer's is trusted to tell swaps from the future; `reader`: records bear no usable timestamp, and arrive when they are read",
        }),
      ),
      state: Type.Enum(["restoring", "running", "draining", "failed", "away"]),
      problems: Type.Array(Type.String()),
    }),
  ),
  counters: Type.Object({
    accepted: count(),
    applied: count(),
    duplicates: count(),
    late: count(),
    quarantined: count(),
    removed: count(),
    unresolved: count(),
    conflicts: count("Duplicates whose content differs from the first; not in the sum"),
    replaced: count(
      "Announcements that took the place of another one of their swap which counted and was not removed; not in the sum",
    ),
    removals_unmatched: count("Removals that came before their announcement; not in the sum"),
    labels_dropped: count("Records whose symbol was too long and was left out; not in the sum"),
    dead_letters: Type.Record(Type.String(), count(), { description: "By code" }),
  }),
  instances: optional(
    Type.Array(
      Type.Object({
        instance: Type.String(),
        version: Type.String(),
        state: Type.Enum(["self", "live", "refused"]),
        partitions: Type.Array(count(), { description: "Those that it answers for" }),
      }),
      { description: "Where there may be several: all that this one hears of" },
    ),
  ),
  problems: optional(Type.Array(Type.String(), { description: "What concerns no single partition" })),
});

const deadLetter = Type.Object({
  code: Type.String(),
  message: Type.String(),
  partition: count(),
  offset: count(),
  arrival: timeMs("When it was taken in"),
  raw: Type.String(),
});

const figuresRef = Type.Unsafe({ $ref: "#/components/schemas/WindowFigures" });

export const components = {
  WindowFigures: windowFigures,
  TokenStats: tokenStats,
  TokenError: Type.Object({
    id: Type.String(),
    error: Type.Object({
      code: Type.Enum([...problemCodes]),
      message: Type.String(),
      candidates: optional(Type.Array(Type.Unsafe({ $ref: "#/components/schemas/Candidate" }))),
      more: optional(count()),
    }),
  }),
  ShortStats: Type.Object({ token: tokenId, split, ...standing, windows: windowsByName }),
  Overview: Type.Object({
    as_of: standing.as_of,
    epoch: standing.epoch,
    rev: standing.rev,
    window: Type.String(),
    sort: Type.Enum([...statsFields]),
    order: Type.Enum(["asc", "desc"]),
    items: Type.Array(
      Type.Object(
        {
          id: tokenId,
          symbol: optional(Type.String()),
          split,
          rev: standing.rev,
          stats: optional(figuresRef),
          windows: optional(windowsByName),
        },
        { description: "`stats` of the window that the ranking goes by, or with `windows=` the figures by window" },
      ),
    ),
    next_cursor: optional(Type.String({ description: "Give it as `cursor` for what follows; absent at the end" })),
    stale,
  }),
  Candle: candle,
  Swap: servedSwap,
  SwapEvent: swapEvent,
  EventError: eventError,
  Candidate: Type.Object({
    id: tokenId,
    symbol: optional(Type.String()),
    chain_id: uint32,
    volume_usd: optional(decimal("In `window`")),
    window: optional(Type.String({ description: "The longest window of at most a day" })),
  }),
  Ingested: Type.Object({
    accepted: count("On disk; copies, late and quarantined ones are among them"),
    rejected: Type.Array(eventError),
    late: optional(
      count(
        "Of the accepted, those that came behind the watermark and will not count, as far as is known; `/api/status` has the exact sum",
      ),
    ),
    quarantined: optional(
      count("Of the accepted, those too far in the future, which will not count; they are among `/api/dead-letters`"),
    ),
  }),
  DeadLetter: deadLetter,
  Status: status,
  Problem: problem,
};

/** `{"ids":[..],"windows":[..],"fields":[..]}` of `POST /api/tokens/stats`. */
export const tokensStatsBody = (windows: readonly string[]) =>
  Type.Object(
    {
      ids: Type.Array(tokenText(), { minItems: 1, maxItems: requestLimits.idsMax }),
      windows: optional(Type.Array(Type.Enum([...windows]), { maxItems: windows.length })),
      fields: optional(Type.Array(Type.Enum([...statsFields]), { maxItems: statsFields.length })),
      prefer: preference(),
    },
    { additionalProperties: false },
  );

/** What becomes of a name that stands for several tokens. */
export function preference() {
  return optional(
    oneOf(
      ["refuse", "largest"],
      "Where the name stands for several tokens: 409 with the candidates, or the one with the most volume. Unless given as `api.symbols` says",
    ),
  );
}

/** A token as people write it: id, address or symbol. */
export function tokenText() {
  return Type.String({
    minLength: 1,
    maxLength: requestLimits.tokenTextMax,
    description: "`<chain_id>:<token>`, a token's address on any chain, or a symbol",
  });
}

/** A list of the given names, separated by commas. `x-expected` is what an error message says. */
export function nameList(names: readonly string[], description: string) {
  const one = `(?:${names.join("|")})`;
  const expected = `names of ${names.join(", ")}, separated by commas`;
  return Type.String({
    pattern: `^${one}(?:,${one}){0,${2 * names.length}}$`,
    description: `${description}: ${expected}`,
    "x-expected": expected,
    "x-names": names,
  });
}

/** A time in a query: ms since 1970, or 0. Whole seconds, which many programs keep, are told from it by their size. */
export function queryTime(description: string) {
  const expected = "ms since 1970, such as 1760000000000, or 0";
  return Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    not: { minimum: 1, maximum: QUERY_TIME_MS_MIN - 1 },
    description: `${description}: ${expected}`,
    "x-expected": expected,
    "x-time": true,
  });
}

export function oneOf(names: readonly string[], description: string, byDefault?: string) {
  const expected = `one of ${names.join(", ")}`;
  return Type.Enum([...names], {
    type: "string",
    description,
    "x-expected": expected,
    ...(byDefault === undefined ? {} : { default: byDefault }),
  });
}

export function integer(minimum: number, maximum: number, description: string, byDefault?: number) {
  return Type.Integer({
    minimum,
    maximum,
    description,
    "x-expected": `an integer from ${minimum} to ${maximum}`,
    ...(byDefault === undefined ? {} : { default: byDefault }),
  });
}
