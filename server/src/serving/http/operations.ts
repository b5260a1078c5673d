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
  Swaps: "Sending swaps, and the records that were not applied",
  Service: "Status and health of the service, and its documentation",
} as const;
export type OperationTag = keyof typeof operationTags;

type ResponseDoc = {
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
  readonly response: ResponseDoc;
  /** True: responses have an ETag, and If-None-Match is honoured. */
  readonly conditional: boolean;
  /** Problems of this call, without those that every call can return. */
  readonly problems: readonly ProblemCode[];
};

const ref = (name: keyof typeof components): TSchema => refTo(name, components[name]);

const JSON_TYPE = "application/json";
const lookUpProblems = ["unknown_token", "ambiguous_token"] as const;
const busProblems = ["unavailable", "overloaded"] as const;

const json = (description: string, schema: TSchema, status = 200): ResponseDoc => ({
  status,
  description,
  content: { [JSON_TYPE]: schema },
});

type Given = Pick<Operation, "id" | "path" | "summary" | "response"> & Partial<Operation>;
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
      response: json("The statistics", ref("TokenStats")),
    }),
    operation({
      id: "tokensStats",
      method: "POST",
      path: "/api/tokens/stats",
      summary: "Statistics of up to 500 tokens",
      description:
        "The items are in the order of the requested tokens. An item of a token that was not found has an `error` instead of figures.",
      body: { [JSON_TYPE]: tokensStatsBody(windows) },
      response: json("One item for each token", TokensStats),
      problems: ["payload_too_large", "unsupported_media_type", ...busProblems],
    }),
    operation({
      id: "shortStats",
      path: "/stats",
      summary: "Statistics of a token, in a shorter form",
      query: shortStatsQuery(windows),
      conditional: true,
      response: json("The statistics", ref("ShortStats")),
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
        "The candles are in ascending order of time. Intervals without a trade are absent. `available_from` is the earliest time that the response can cover. " +
        "The steps of the configured windows determine the available intervals. A request for another interval is refused with a list of them.",
      query: candlesQuery(),
      response: json("The candles", Candles),
    }),
    operation({
      ...byToken,
      id: "swaps",
      path: "/api/tokens/{id}/swaps",
      summary: "The newest swaps of a token",
      description:
        "The swaps that count in the figures, newest first. `available_from` is the earliest time that the response can cover.",
      query: swapsQuery(),
      response: json("The swaps", Swaps),
    }),
  ];
}

function rankingOperations(windows: readonly string[]): Operation[] {
  return [
    operation({
      id: "overview",
      path: "/api/overview",
      summary: "All tokens, ranked by a figure",
      description: "Tokens without the figure come last in both orders. Tokens with equal figures are ordered by id.",
      query: overviewQuery(windows),
      conditional: true,
      response: json("The ranking", ref("Overview")),
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
      summary: "Send swaps",
      description:
        "The body is one JSON object, an array, or NDJSON (blank lines are ignored). It may be compressed with `Content-Encoding: gzip`. The service responds " +
        "with 202 when all accepted events are on disk. The response lists the events that break a rule; they are not accepted. Sending a swap again does no harm.",
      body: {
        [JSON_TYPE]: Type.Union([ref("SwapEvent"), Type.Array(ref("SwapEvent"))]),
        "application/x-ndjson": Type.String({ description: "One event on each line" }),
      },
      response: json("At least one event is durable", ref("Ingested"), 202),
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
      summary: "Records that were not applied, with reasons",
      description:
        "The records are listed newest first and include quarantined swaps. The service keeps a bounded number.",
      query: deadLettersQuery(),
      response: json("The records", DeadLetters),
      problems: busProblems,
    }),
  ];
}

function serviceOperations(): Operation[] {
  const text = (mediaType: string, description: string): ResponseDoc => ({
    status: 200,
    description,
    content: { [mediaType]: Type.String() },
  });
  return [
    operation({
      id: "status",
      tag: "Service",
      path: "/api/status",
      summary: "Status of ingestion",
      response: json("Positions, lag, checkpoints and counters", ref("Status")),
      problems: busProblems,
    }),
    operation({
      id: "healthz",
      tag: "Service",
      path: "/healthz",
      summary: "Whether the process responds",
      description: "The response depends on no other server and on no state.",
      response: json("The process responds", Health),
    }),
    operation({
      id: "readyz",
      tag: "Service",
      path: "/readyz",
      summary: "Whether the service is ready for traffic",
      description:
        "The service is ready when its state is restored, the lag is below `app.ready_lag`, and it is not shutting down. It can be ready while windows are not complete.",
      response: json("The service is ready. `problems` lists conditions that an operator should check", Ready),
      problems: ["not_ready"],
    }),
    operation({
      id: "openapi",
      tag: "Service",
      path: "/openapi.json",
      summary: "The OpenAPI 3.1 document of this API",
      conditional: true,
      response: json("The document", Type.Object({}, { additionalProperties: true })),
    }),
    operation({
      id: "docs",
      tag: "Service",
      path: "/docs",
      summary: "Documentation of this API as a web page",
      conditional: true,
      response: text("text/html", "The page"),
    }),
    operation({
      id: "index",
      tag: "Service",
      path: "/",
      summary: "Index of the service",
      response: {
        status: 200,
        description: "Links to the parts of the service",
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
