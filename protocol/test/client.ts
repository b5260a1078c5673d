/**
 * A small client, as an SDK would be: it takes every type from the schemas and what runs from the other files. The test runs it where no
 * package is installed. Lines that must not compile are marked.
 */
import { figures, isAskedFor, type SortField, sortFields } from "../src/figures.ts";
import type { JsonObject } from "../src/json.ts";
import { requestLimits } from "../src/limits.ts";
import { applyMergePatch } from "../src/merge-patch.ts";
import { type ProblemCode, problemCodes } from "../src/problems.ts";
import type { ChannelFigures, WindowFigures } from "../src/schemas/figures.ts";
import type { Ingested, SwapEvent } from "../src/schemas/ingest.ts";
import type { ProblemDocument } from "../src/schemas/problems.ts";
import type { CheckedQuery, overviewQuery, QueryOf } from "../src/schemas/requests.ts";
import type { Status } from "../src/schemas/service.ts";
import type { Overview, TokenStats } from "../src/schemas/tokens.ts";
import type { ClientMessage, ServerMessage, TokenData } from "../src/schemas/websocket.ts";
import { statsText } from "../src/stats-text.ts";
import { closeCodes, webSocketPath } from "../src/websocket.ts";

export const bounds = { open_time: 0, close_time: 5_000, complete: true } as const satisfies WindowFigures;
export const window: WindowFigures = { ...bounds, trades: 1, volume_usd: "2.5", traders_estimated: true };
// @ts-expect-error an amount is a decimal string
export const wrongAmount: WindowFigures = { ...bounds, volume_usd: 2.5 };
// @ts-expect-error no such figure
export const wrongFigure: WindowFigures = { ...bounds, volume: "2.5" };
// @ts-expect-error figures in a channel have no bounds
export const wrongChannel: ChannelFigures = { complete: true, open_time: 0 };
// @ts-expect-error the bounds are always there
export const noBounds: WindowFigures = { complete: true };

export const query: QueryOf<typeof overviewQuery> = { sort: "vwap", limit: requestLimits.overviewMax };
// @ts-expect-error nothing can be ranked by it
export const wrongSort: QueryOf<typeof overviewQuery> = { sort: "previous" };
export const sortOf = (checked: CheckedQuery<typeof overviewQuery>): SortField => checked.sort;
// @ts-expect-error a cursor has no default
export const cursorOf = (checked: CheckedQuery<typeof overviewQuery>): string => checked.cursor;

export const request: ClientMessage = { id: 1, subscribe: ["token:1:0xa"], windows: ["5m"], fields: ["trades"] };
// @ts-expect-error a member that no request has
export const wrongRequest: ClientMessage = { subscribe: "token:1:0xa", window: "5m" };
export const event: SwapEvent = {
  ...{ chain_id: 1, tx_hash: "0xa", log_index: 0, token: "0xb", side: "buy" },
  ...{ amount_token: "1", amount_usd: 1.5, event_time: 1_760_000_000_000 },
};

/** The data of a channel after a message. */
export function dataAfter(before: JsonObject | undefined, message: ServerMessage): JsonObject | undefined {
  switch (message.type) {
    case "snapshot":
      return message.data as unknown as JsonObject;
    case "patch":
      return applyMergePatch(before, message.patch) as JsonObject;
    default:
      return before;
  }
}

export const isProblem = (body: ProblemDocument | Overview | TokenStats | Ingested | Status): body is ProblemDocument =>
  "code" in body && problemCodes.includes(body.code satisfies ProblemCode);

const data = { id: "1:0xa", late: 0, removed: 0, unresolved: 0, replaced: 0, removals_unmatched: 0 };
const snapshot: ServerMessage = {
  ...{ type: "snapshot", channel: "token:1:0xa", epoch: "1", rev: 1, as_of: 0, watermark: 0, lag_ms: 0 },
  data: { ...data, windows: {} } satisfies TokenData,
};
const patch: ServerMessage = { ...snapshot, type: "patch", prev_rev: 1, rev: 2, patch: { late: 1 } };
const held = dataAfter(dataAfter(undefined, snapshot), patch);
const head = statsText({ asOf: 0, watermark: 0, epoch: "1", rev: 1, lagMs: 0, stale: false, body: '"id":"1:0xa"' });
const isRanked = sortFields.includes("vwap") && isAskedFor("traders_error", new Set(["traders"]));
process.stdout.write(
  JSON.stringify({ held, head: JSON.parse(head).id, isRanked, kind: figures.vwap.kind, webSocketPath, ...closeCodes }),
);
