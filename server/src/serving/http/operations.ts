/**
 * The calls of the HTTP API, with their parameters and responses. Requests are checked by this list. The OpenAPI document and the page
 * for people are made from it.
 */

import type { ProblemCode } from "@swapstats/protocol/problems.ts";
import { components } from "@swapstats/protocol/schemas/components.ts";
import { DeadLetters } from "@swapstats/protocol/schemas/ingest.ts";
import {
  candlesQuery,
  deadLettersQuery,
  overviewQuery,
  selectionQuery,
  shortStatsQuery,
  swapsQuery,
  tokenPath,
  tokensStatsBody,
} from "@swapstats/protocol/schemas/requests.ts";
import { Health, Index, Ready } from "@swapstats/protocol/schemas/service.ts";
import { Candles, Swaps, TokensStats } from "@swapstats/protocol/schemas/tokens.ts";
import { refTo } from "@swapstats/protocol/schemas/values.ts";
import { type TSchema, Type } from "typebox";

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

/** Groups of calls, in the order of the documents. */
export const operationTags = {
  Figures: "Statistics, rankings, candles and swaps of tokens",
  Swaps: "Swaps in, and what became of those that were not applied",
  Service: "The service about itself",
} as const;
export type OperationTag = keyof typeof operationTags;

type Answer = {
  readonly status: number;
  readonly description: string;
  readonly content: Readonly<Record<string, TSchema>>;
};

export type Operation = {
  readonly id: OperationId;
  readonly tag: OperationTag;
  readonly method: "GET" | "POST";
  /** Parameters stand as `{name}`. */
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly params: Readonly<Record<string, TSchema>>;
  readonly query: Readonly<Record<string, TSchema>>;
  /** By media type. */
  readonly body: Readonly<Record<string, TSchema>>;
  readonly answer: Answer;
  /** True: responses have an ETag, and If-None-Match is honoured. */
  readonly conditional: boolean;
  /** Problems of this call, without those that every call can return. */
  readonly problems: readonly ProblemCode[];
};

const ref = (name: keyof typeof components): TSchema => refTo(name, components[name]);

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

/** Returns the calls of a service with these windows. */
export function operationsOf(windows: readonly string[]): readonly Operation[] {
  return [
    ...tokenOperations(windows),
    ...rangeOperations(),
    ...rankingOperations(windows),
    ...ingestOperations(),
    ...serviceOperations(),
  ];
}

const byToken = { conditional: true, params: tokenPath(), problems: [...lookUpProblems, ...busProblems] };

function tokenOperations(windows: readonly string[]): Operation[] {
  return [
    operation({
      ...byToken,
      id: "tokenStats",
      path: "/api/tokens/{id}/stats",
      summary: "Statistics of a token",
      query: selectionQuery(windows),
      answer: json("The statistics", ref("TokenStats")),
    }),
    operation({
      id: "tokensStats",
      method: "POST",
      path: "/api/tokens/stats",
      summary: "Statistics of up to 500 tokens",
      description: "Items come in the order asked. A token that is not found has an `error` instead of figures.",
      body: { [JSON_TYPE]: tokensStatsBody(windows) },
      answer: json("An item a token", TokensStats),
      problems: ["payload_too_large", "unsupported_media_type", ...busProblems],
    }),
    operation({
      id: "shortStats",
      path: "/stats",
      summary: "Statistics of a token, short form",
      query: shortStatsQuery(windows),
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
      query: candlesQuery(),
      answer: json("The candles", Candles),
    }),
    operation({
      ...byToken,
      id: "swaps",
      path: "/api/tokens/{id}/swaps",
      summary: "The newest swaps of a token that count",
      description: "Newest first. They reach back as far as `available_from`.",
      query: swapsQuery(),
      answer: json("The swaps", Swaps),
    }),
  ];
}

function rankingOperations(windows: readonly string[]): Operation[] {
  return [
    operation({
      id: "overview",
      path: "/api/overview",
      summary: "All tokens, ranked by a figure",
      description: "Tokens without the figure come last in both orders, ties go by id.",
      query: overviewQuery(windows),
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
      query: deadLettersQuery(),
      answer: json("The records", DeadLetters),
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
      answer: json("It does", Health),
    }),
    operation({
      id: "readyz",
      tag: "Service",
      path: "/readyz",
      summary: "Whether the service should get traffic",
      description:
        "Ready: state restored, lag below `app.ready_lag`, not shutting down. Windows that are not complete do not matter.",
      answer: json("It should; `problems` holds what an operator should look at all the same", Ready),
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
          [JSON_TYPE]: Index,
        },
      },
    }),
  ];
}

/** Calls of the interface that this version lacks. */
export const absentCalls: readonly { readonly method: "GET" | "POST"; readonly path: string; readonly what: string }[] =
  [
    { method: "POST", path: "/api/screener", what: "The screener" },
    { method: "GET", path: "/api/audit/{id}", what: "The audit" },
    { method: "POST", path: "/api/auth/token", what: "Issuing tokens" },
    { method: "GET", path: "/api/stream", what: "The stream of server-sent events" },
  ];
