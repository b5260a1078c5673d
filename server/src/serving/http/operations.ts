/**
 * The calls of the HTTP API: what each takes and answers. Routes are checked by this list, the OpenAPI document and the page for people
 * are made from it.
 */

import { sortFields, statsFields } from "@swapstats/protocol/figures.ts";
import { candleIntervals, requestLimits } from "@swapstats/protocol/limits.ts";
import type { ProblemCode } from "@swapstats/protocol/problems.ts";
import { type TSchema, Type } from "typebox";
import {
  chosen,
  integer,
  nameList,
  oneOf,
  preference,
  queryTime,
  ref,
  stale,
  tokensStatsBody,
  tokenText,
} from "./schemas.ts";

export type OperationId =
  | "index"
  | "healthz"
  | "readyz"
  | "status"
  | "deadLetters"
  | "overview"
  | "tokenStats"
  | "tokensStats"
  | "candles"
  | "swaps"
  | "ingest"
  | "shortStats"
  | "openapi"
  | "docs";

/** Groups of calls, in the order in which the documents show them. */
export const operationTags = {
  Figures: "Statistics, rankings, candles and swaps of tokens",
  Swaps: "Swaps in, and what became of those that were not applied",
  Service: "The service about itself",
} as const;
export type OperationTag = keyof typeof operationTags;

export type Answer = {
  readonly status: number;
  readonly description: string;
  readonly content: Readonly<Record<string, TSchema>>;
};

export type Operation = {
  readonly id: OperationId;
  readonly tag: OperationTag;
  readonly method: "GET" | "POST";
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly params: Readonly<Record<string, TSchema>>;
  readonly query: Readonly<Record<string, TSchema>>;
  /** By media type. */
  readonly body: Readonly<Record<string, TSchema>>;
  readonly answer: Answer;
  /** True: answers have an ETag, and If-None-Match is heeded. */
  readonly conditional: boolean;
  /** Problems that this call can answer, beside those that every call can. */
  readonly problems: readonly ProblemCode[];
};

const JSON_TYPE = "application/json";
const lookUpProblems = ["unknown_token", "ambiguous_token"] as const;
const busProblems = ["unavailable", "overloaded"] as const;

const json = (description: string, schema: TSchema, status = 200): Answer => ({
  status,
  description,
  content: { [JSON_TYPE]: schema },
});

type Given = Pick<Operation, "id" | "path" | "summary" | "answer"> & Partial<Operation>;
const operation = (given: Given): Operation => ({
  tag: "Figures",
  method: "GET",
  description: "",
  params: {},
  query: {},
  body: {},
  conditional: false,
  problems: [],
  ...given,
});

/** The list of calls of a service with these windows. */
export function operationsOf(windows: readonly string[]): readonly Operation[] {
  return [
    ...tokenOperations(windows),
    ...rangeOperations(),
    ...rankingOperations(windows),
    ...ingestOperations(),
    ...serviceOperations(),
  ];
}

const byToken = { conditional: true, params: { id: tokenText() }, problems: [...lookUpProblems, ...busProblems] };

function tokenOperations(windows: readonly string[]): Operation[] {
  const selection = {
    windows: Type.Optional(nameList(windows, "Windows to answer; all of them unless given")),
    fields: Type.Optional(nameList(statsFields, "Figures to answer; all of them unless given, the edges always")),
    prefer: preference(),
  };
  return [
    operation({
      ...byToken,
      id: "tokenStats",
      path: "/api/tokens/{id}/stats",
      summary: "Statistics of a token",
      query: selection,
      answer: json("The statistics", ref("TokenStats")),
    }),
    operation({
      id: "tokensStats",
      method: "POST",
      path: "/api/tokens/stats",
      summary: "Statistics of up to 500 tokens",
      description: "Items come in the order asked. A token that is not found has an `error` instead of figures.",
      body: { [JSON_TYPE]: tokensStatsBody(windows) },
      answer: json(
        "An item a token",
        Type.Object({ as_of: Type.Integer(), items: Type.Array(Type.Union([ref("TokenStats"), ref("TokenError")])) }),
      ),
      problems: ["payload_too_large", "unsupported_media_type", ...busProblems],
    }),
    operation({
      id: "shortStats",
      path: "/stats",
      summary: "Statistics of a token, short form",
      query: { token: tokenText(), ...selection },
      conditional: true,
      answer: json("The statistics", ref("ShortStats")),
      problems: byToken.problems,
    }),
  ];
}

function rangeOperations(): Operation[] {
  return [
    operation({
      ...byToken,
      id: "candles",
      path: "/api/tokens/{id}/candles",
      summary: "Candles of a token",
      description:
        "Ascending; an interval without a trade is absent. They reach back as far as `available_from`, which says where the answer begins. " +
        "Which intervals there are follows from the steps of the configured windows; others are refused with the list.",
      query: {
        interval: Type.Optional(oneOf(Object.keys(candleIntervals), "Length of a candle", "1m")),
        from: Type.Optional(queryTime("Start, inclusive")),
        to: Type.Optional(queryTime("End, exclusive")),
        limit: Type.Optional(integer(1, requestLimits.candlesMax, "Candles at most", requestLimits.candlesDefault)),
        prefer: preference(),
      },
      answer: json(
        "The candles",
        Type.Object({
          id: Type.String(),
          interval: Type.String(),
          split: Type.Optional(Type.Literal(true)),
          available_from: Type.Optional(Type.Integer()),
          chosen,
          note: Type.Optional(Type.String({ description: "Why there is nothing in the range, where that is known" })),
          stale,
          items: Type.Array(ref("Candle")),
        }),
      ),
    }),
    operation({
      ...byToken,
      id: "swaps",
      path: "/api/tokens/{id}/swaps",
      summary: "The newest swaps of a token that count",
      description: "Newest first. They reach back as far as `available_from`.",
      query: {
        limit: Type.Optional(integer(1, requestLimits.swapsMax, "Swaps at most", requestLimits.swapsDefault)),
        prefer: preference(),
      },
      answer: json(
        "The swaps",
        Type.Object({
          id: Type.String(),
          split: Type.Optional(Type.Literal(true)),
          available_from: Type.Optional(Type.Integer()),
          chosen,
          stale,
          items: Type.Array(ref("Swap")),
        }),
      ),
    }),
  ];
}

function rankingOperations(windows: readonly string[]): Operation[] {
  const byDefault = windows.includes("5m") ? "5m" : (windows[0] ?? "");
  return [
    operation({
      id: "overview",
      path: "/api/overview",
      summary: "All tokens, ranked by a figure",
      description: "Tokens without the figure come last in both orders, ties go by id.",
      query: {
        window: Type.Optional(oneOf(windows, "Window of the figures", byDefault)),
        windows: Type.Optional(
          nameList(windows, "Rows hold `windows` with the figures of these and of `window`, in place of `stats`"),
        ),
        fields: Type.Optional(nameList(statsFields, "Figures of each row; all of them unless given, the edges always")),
        sort: Type.Optional(oneOf(sortFields, "Figure to rank by", "volume_usd")),
        order: Type.Optional(oneOf(["asc", "desc"], "Direction", "desc")),
        limit: Type.Optional(integer(1, requestLimits.overviewMax, "Tokens at most", requestLimits.overviewDefault)),
        cursor: Type.Optional(
          Type.String({
            minLength: 1,
            maxLength: requestLimits.cursorMax,
            description: "`next_cursor` of the answer before, for what follows it",
          }),
        ),
      },
      conditional: true,
      answer: json("The ranking", ref("Overview")),
      problems: ["bad_request", ...busProblems],
    }),
  ];
}

function ingestOperations(): Operation[] {
  return [
    operation({
      id: "ingest",
      tag: "Swaps",
      method: "POST",
      path: "/api/swaps",
      summary: "Takes swaps in",
      description:
        "One JSON object, an array, or NDJSON (blank lines ignored), as it is or with `Content-Encoding: gzip`. 202 comes when everything accepted is on " +
        "disk; events that break a rule are listed and not taken. Sending the same swap again does no harm.",
      body: {
        [JSON_TYPE]: Type.Union([ref("SwapEvent"), Type.Array(ref("SwapEvent"))]),
        "application/x-ndjson": Type.String({ description: "One event a line" }),
      },
      answer: json("At least one event is durable", ref("Ingested"), 202),
      problems: [
        "bad_request",
        "ingest_disabled",
        "origin_not_allowed",
        "payload_too_large",
        "batch_too_large",
        "unsupported_media_type",
        "no_event_accepted",
        "log_full",
        "storage_failed",
        "shutting_down",
        ...busProblems,
      ],
    }),
    operation({
      id: "deadLetters",
      tag: "Swaps",
      path: "/api/dead-letters",
      summary: "Records that were not applied, and why",
      description: "Newest first; quarantined swaps are among them. The service keeps a bounded number.",
      query: {
        limit: Type.Optional(
          integer(1, requestLimits.deadLettersMax, "Records at most", requestLimits.deadLettersDefault),
        ),
      },
      answer: json("The records", Type.Object({ items: Type.Array(ref("DeadLetter")), stale })),
      problems: busProblems,
    }),
  ];
}

function serviceOperations(): Operation[] {
  const text = (mediaType: string, description: string): Answer => ({
    status: 200,
    description,
    content: { [mediaType]: Type.String() },
  });
  return [
    operation({
      id: "status",
      tag: "Service",
      path: "/api/status",
      summary: "Where ingestion stands",
      answer: json("Positions, lag, checkpoints and counters", ref("Status")),
      problems: busProblems,
    }),
    operation({
      id: "healthz",
      tag: "Service",
      path: "/healthz",
      summary: "Whether the process works; asks nobody",
      answer: json("It does", Type.Object({ status: Type.Literal("ok") })),
    }),
    operation({
      id: "readyz",
      tag: "Service",
      path: "/readyz",
      summary: "Whether the service should get traffic",
      description:
        "Ready: state restored, lag below `app.ready_lag`, not shutting down. Windows that are not complete do not matter.",
      answer: json(
        "It should; `problems` holds what an operator should look at all the same",
        Type.Object({
          status: Type.Literal("ready"),
          reasons: Type.Array(Type.String()),
          problems: Type.Array(Type.String()),
        }),
      ),
      problems: ["not_ready"],
    }),
    operation({
      id: "openapi",
      tag: "Service",
      path: "/openapi.json",
      summary: "This API as OpenAPI 3.1",
      conditional: true,
      answer: json("The document", Type.Object({}, { additionalProperties: true })),
    }),
    operation({
      id: "docs",
      tag: "Service",
      path: "/docs",
      summary: "This API for people",
      conditional: true,
      answer: text("text/html", "The page"),
    }),
    operation({
      id: "index",
      tag: "Service",
      path: "/",
      summary: "What there is to see",
      answer: {
        status: 200,
        description: "Links",
        content: {
          "text/html": Type.String(),
          [JSON_TYPE]: Type.Object({
            name: Type.String(),
            version: Type.String(),
            links: Type.Record(Type.String(), Type.String()),
          }),
        },
      },
    }),
  ];
}

/** Calls of the interface that this version does not have. */
export const absentCalls: readonly { readonly method: "GET" | "POST"; readonly path: string; readonly what: string }[] =
  [
    { method: "POST", path: "/api/screener", what: "The screener" },
    { method: "GET", path: "/api/audit/{id}", what: "The audit" },
    { method: "POST", path: "/api/auth/token", what: "Issuing tokens" },
    { method: "GET", path: "/api/stream", what: "The stream of server-sent events" },
  ];
