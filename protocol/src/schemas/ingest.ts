/** Swaps from producers, and records that were not applied. */
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
          "Index of the transaction in its block, for chains where log_index begins at 0 in each transaction. Alias: transaction_index",
      }),
    ),
    event_id: optional(Type.String({ ...text(128), description: "Default: `<chain_id>:<tx_hash>:<log_index>`" })),
    token: Type.String({ ...text(128), description: "Address or symbol. Alias: token_address" }),
    token_symbol: optional(Type.String(text(64))),
    pool: optional(Type.String(text(128))),
    who: optional(Type.String({ ...text(128), description: "Wallet. Aliases: wallet, trader, maker" })),
    side: Type.Enum(["buy", "sell"]),
    amount_token: positiveInput,
    amount_usd: Type.Union([decimalText, Type.Number({ minimum: 0 })]),
    price_usd: optional(positiveInput),
    event_time: Type.Union(
      [Type.Integer({ minimum: 100_000_000_000, maximum: 253_402_300_799_999 }), Type.String(text(128))],
      { description: "Milliseconds since 1970, or a time of RFC 3339. Alias: ts" },
    ),
    block_number: optional(count()),
    block_hash: optional(Type.String(text(128))),
    removed: optional(
      Type.Boolean({ description: "True when the chain dropped the block: the swap is then removed from the figures" }),
    ),
    revision: optional(count()),
    schema_version: optional(Type.Integer()),
  },
  {
    description:
      "One swap. Unknown fields are ignored. Each event is validated separately, and `rejected` lists the invalid ones.",
  },
);
export type SwapEvent = Static<typeof SwapEvent>;

/** 202 of `POST /api/swaps`. */
export const Ingested = Type.Object({
  accepted: count("Number of events that are on disk, including copies, late and quarantined swaps"),
  rejected: Type.Array(EventError),
  late: optional(
    count(
      "Number of accepted swaps that arrived behind the watermark and will not count, as far as it is known. `/api/status` has the exact sum",
    ),
  ),
  quarantined: optional(
    count("Number of accepted swaps that are too far in the future and will not count. `/api/dead-letters` lists them"),
  ),
  records: optional(count("With `mapping`: number of records in the body. `index` in `rejected` is that of a record")),
  skipped: optional(count("With `mapping`: number of swaps that the mapping's `when` left out")),
});
export type Ingested = Static<typeof Ingested>;

/** A record that was not applied, with the reason. */
export const DeadLetter = Type.Object({
  code: Type.String(),
  message: Type.String(),
  partition: count(),
  offset: count("Position in the partition. With `feeder`: number of the record, from 1"),
  feeder: optional(Type.String({ description: "Name of the feeder that read the record. It is in no partition then" })),
  arrival: timeMs("Time at which the record arrived"),
  raw: Type.String({ description: "Text of the record, cut to 4 KiB, with bytes that are not UTF-8 replaced" }),
  raw_base64: optional(Type.String({ description: "The same bytes in base64, if they are not UTF-8" })),
});
export type DeadLetter = Static<typeof DeadLetter>;

/** `GET /api/dead-letters`. */
export const DeadLetters = Type.Object({ items: Type.Array(refTo("DeadLetter", DeadLetter)), stale });
export type DeadLetters = Static<typeof DeadLetters>;
