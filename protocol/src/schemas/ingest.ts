/** Swaps in, and records that were not applied. */
import { type Static, Type } from "typebox";
import { EventError } from "./problems.ts";
import { count, optional, refTo, stale, timeMs, uint32 } from "./values.ts";

const decimalText = Type.String({ maxLength: 100, pattern: "^-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$" });
const positiveInput = Type.Union([decimalText, Type.Number({ exclusiveMinimum: 0 })]);
const text = (bytesMax: number) => ({ minLength: 1, maxLength: bytesMax });
/** A swap as a producer sends it. */
export const SwapEvent = Type.Object(
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
export type SwapEvent = Static<typeof SwapEvent>;

/** 202 of `POST /api/swaps`. */
export const Ingested = Type.Object({
  accepted: count("On disk; copies, late and quarantined ones are among them"),
  rejected: Type.Array(EventError),
  late: optional(
    count(
      "Of the accepted, those that came behind the watermark and will not count, as far as is known; `/api/status` has the exact sum",
    ),
  ),
  quarantined: optional(
    count("Of the accepted, those too far in the future, which will not count; they are among `/api/dead-letters`"),
  ),
});
export type Ingested = Static<typeof Ingested>;

/** A record that was not applied, and why. */
export const DeadLetter = Type.Object({
  code: Type.String(),
  message: Type.String(),
  partition: count(),
  offset: count(),
  arrival: timeMs("When it was taken in"),
  raw: Type.String(),
});
export type DeadLetter = Static<typeof DeadLetter>;

/** `GET /api/dead-letters`. */
export const DeadLetters = Type.Object({ items: Type.Array(refTo("DeadLetter", DeadLetter)), stale });
export type DeadLetters = Static<typeof DeadLetters>;
