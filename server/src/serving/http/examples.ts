/** Examples of requests and responses of every call, for the OpenAPI document. Tests hold them to the schemas. */
import { figures, statsFields } from "@swapstats/protocol/figures.ts";
import type { ProblemCode } from "@swapstats/protocol/problems.ts";
import { Status } from "@swapstats/protocol/schemas/service.ts";
import { ProblemError, problemDocument } from "../problems.ts";
import type { OperationId } from "./operation.ts";

export type Examples = {
  /** Parameters in path and query, by name. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Bodies of the request, by media type. */
  readonly bodies?: Readonly<Record<string, unknown>>;
  /** Bodies of the response, by media type. */
  readonly responses: Readonly<Record<string, unknown>>;
};

const JSON_TYPE = "application/json";
const WETH = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const AS_OF = 1_760_000_003_120;

const swap = {
  chain_id: 1,
  tx_hash: "0x5e1d3a76fbf824220eafc8c79ad578ad2b67d01b0c2425eb1f1347e8f50882ab",
  log_index: 12,
  token: "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
  token_symbol: "WETH",
  who: "0x1111111111111111111111111111111111111111",
  side: "buy",
  amount_token: "1.5",
  amount_usd: "2775.3",
  event_time: 1_760_000_000_000,
};

const figuresExample = Object.fromEntries(
  statsFields.flatMap((name) => ("example" in figures[name] ? [[name, figures[name].example]] : [])),
);

const standing = { as_of: AS_OF, watermark: 1_759_999_882_000, epoch: "1760000000000", rev: 41, lag_ms: 0 };
const named = { id: WETH, symbol: "WETH", late: 0, removed: 0, unresolved: 0, replaced: 0, removals_unmatched: 0 };

/** Returns the examples of a service with these windows. */
export function examplesOf(windows: readonly string[]): Readonly<Record<OperationId, Examples>> {
  const window = windows.includes("5m") ? "5m" : (windows[0] as string);
  const byWindow = { [window]: figuresExample };
  const stats = { ...standing, ...named, windows: byWindow };
  const json = (value: unknown) => ({ responses: { [JSON_TYPE]: value } });
  return {
    ...figureExamples(window, stats, json),
    ...serviceExamples(json),
    stream: {
      parameters: { channels: `token:${WETH}`, windows: window, conflate_ms: 500 },
      responses: {
        "text/event-stream": `event: patch\ndata: {"type":"patch","channel":"token:${WETH}", ...}\nid: 1.k3-_9a.AAAAAAp.1760000000000\n\n`,
      },
    },
    ingest: {
      bodies: { [JSON_TYPE]: [swap], "application/x-ndjson": `${JSON.stringify(swap)}\n` },
      ...json({ accepted: 1, rejected: [] }),
    },
    deadLetters: {
      parameters: { limit: 10 },
      ...json({
        items: [
          {
            code: "bad_side",
            message: "side must be the string buy or sell, in lower case",
            partition: 0,
            offset: 7,
            arrival: 1_760_000_000_512,
            raw: '{"side":"hold"}',
          },
        ],
      }),
    },
  };
}

/** The market of one token. */
function marketExample(window: string): object {
  const { trades, buys, sells, volume_usd, buy_volume_usd, sell_volume_usd, net_volume_usd } = figuresExample;
  const figures = { trades, buys, sells, volume_usd, buy_volume_usd, sell_volume_usd, net_volume_usd };
  return { tokens_active: 1, windows: { [window]: { complete: true, ...figures } } };
}

type Json = (value: unknown) => Pick<Examples, "responses">;

function figureExamples(window: string, stats: { readonly windows: object }, json: Json) {
  const selection = { windows: window };
  return {
    tokenStats: { parameters: { id: WETH, ...selection }, ...json(stats) },
    shortStats: {
      parameters: { token: "WETH", ...selection },
      ...json({ token: WETH, ...standing, windows: stats.windows }),
    },
    tokensStats: {
      bodies: { [JSON_TYPE]: { ids: [WETH, "NOPE"], windows: [window] } },
      ...json({
        as_of: AS_OF,
        items: [
          stats,
          { id: "NOPE", error: { code: "unknown_token", message: 'No swap of the token "NOPE" has been seen.' } },
        ],
      }),
    },
    audit: {
      parameters: { id: WETH, window },
      ...json({
        ...{
          id: WETH,
          symbol: "WETH",
          window,
          as_of: AS_OF,
          from: figuresExample.open_time,
          to: figuresExample.close_time,
        },
        ...{ rows: 2, history_complete: true, served: figuresExample, recomputed: figuresExample, differences: [] },
      }),
    },
    overview: {
      parameters: { window, sort: "volume_usd", order: "desc", limit: 10 },
      ...json({
        ...{ as_of: AS_OF, epoch: standing.epoch, rev: 97, window, sort: "volume_usd", order: "desc" },
        items: [{ id: WETH, symbol: "WETH", rev: 41, stats: figuresExample }],
      }),
    },
    screener: {
      bodies: {
        [JSON_TYPE]: {
          filter: {
            and: [{ field: "volume_usd", window, gte: "1000" }, { not: { field: "traders", window, lt: 2 } }],
          },
          sort: [{ field: "price_change_pct", window, order: "desc" }],
          limit: 10,
          spark: { field: "close", window, points: 4 },
        },
      },
      ...json({
        ...{ as_of: AS_OF, epoch: standing.epoch, rev: 97 },
        items: [{ id: WETH, symbol: "WETH", rev: 41, windows: stats.windows, spark: [null, null, "1850.2", null] }],
      }),
    },
    search: {
      parameters: { query: "we", chain_id: 1, limit: 10 },
      ...json({
        as_of: AS_OF,
        items: [{ id: WETH, symbol: "WETH", chain_id: 1, volume_usd: "4625.5", window }],
      }),
    },
    market: {
      parameters: { windows: window },
      ...json({
        ...{ as_of: AS_OF, epoch: standing.epoch, rev: 97 },
        ...marketExample(window),
        chains: { "1": marketExample(window) },
      }),
    },
    candles: {
      parameters: { id: WETH, interval: "1h", limit: 24 },
      ...json({
        ...{ id: WETH, interval: "1h", available_from: 1_759_914_000_000 },
        items: [
          {
            ...{ open_time: 1_759_996_800_000, open: "1850.2", high: "1850.2", low: "1850.2", close: "1850.2" },
            ...{ volume_usd: "4625.5", volume_token: "2.5", trades: 2, buys: 1, sells: 1, complete: false },
          },
        ],
      }),
    },
    swaps: {
      parameters: { id: WETH, limit: 10 },
      ...json({
        id: WETH,
        available_from: 1_759_914_000_000,
        items: [{ ...swap, event_id: `1:${swap.tx_hash}:12`, price_usd: "1850.2" }],
      }),
    },
  };
}

function serviceExamples(json: Json) {
  const names = Object.keys(Status.properties.counters.properties);
  const zeros = Object.fromEntries(names.map((name) => [name, name === "dead_letters" ? {} : 0]));
  const counters = { ...zeros, accepted: 12, applied: 10, duplicates: 1, quarantined: 1 };
  return {
    status: json({
      instance: "host-a",
      version: "0.1.0",
      uptime_ms: 86_400_000,
      time: AS_OF,
      tokens: 5,
      partitions: [
        {
          ...{
            partition: 0,
            owner: "host-a",
            epoch: standing.epoch,
            next_offset: 12,
            end_offset: 12,
            lag: 0,
            lag_ms: 0,
          },
          ...{ seen_since: 1_759_913_600_000, watermark: { "1": standing.watermark }, state: "running", problems: [] },
          checkpoint: { offset: 10, time: 1_760_000_001_000, bytes: 20_480 },
        },
      ],
      counters,
      problems: [],
    }),
    authTicket: json({ ticket: "Zq3d...", expires_at: 1_760_000_033_120 }),
    authToken: {
      bodies: { [JSON_TYPE]: { sub: "alice", scope: "read ingest", ttl_sec: 3_600 } },
      ...json({ token: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOi...", expires_at: 1_760_003_603_000 }),
    },
    healthz: json({ status: "ok" }),
    readyz: json({ status: "ready", reasons: [], problems: [] }),
    openapi: json({ openapi: "3.1.0" }),
    asyncapi: json({ asyncapi: "3.0.0" }),
    docs: { responses: { "text/html": "<!doctype html>..." } },
    index: {
      responses: {
        "text/html": "<!doctype html>...",
        [JSON_TYPE]: { name: "swapstats", version: "0.1.0", links: { "All calls, for people": "/docs" } },
      },
    },
  };
}

/** Returns a problem document with this code. */
export function problemExample(code: ProblemCode, path: string): unknown {
  const candidates = [
    { id: WETH, symbol: "WETH", chain_id: 1, volume_usd: "4625.5", window: "24h" },
    {
      id: "8453:0x4200000000000000000000000000000000000006",
      symbol: "WETH",
      chain_id: 8453,
      volume_usd: "99",
      window: "24h",
    },
  ];
  const errors = [{ in: "query" as const, name: "windows", message: "must be names of 5m, separated by commas" }];
  const rejected = [{ index: 0, code: "bad_side", message: "side must be the string buy or sell, in lower case" }];
  const extras = {
    ambiguous_token: { candidates },
    invalid_parameters: { errors },
    no_event_accepted: { accepted: 0, rejected },
    not_ready: { reasons: ["Partition 0 is being restored."] },
  };
  const problem = new ProblemError(
    code,
    "What is wrong this time, and what to do.",
    (extras as Partial<Record<ProblemCode, object>>)[code],
  );
  return problemDocument(problem, path);
}
