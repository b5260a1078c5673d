/** A call of the HTTP API: its parameters and responses, and the parts that calls have in common. */

import type { ProblemCode } from "@swapstats/protocol/problems.ts";
import { components } from "@swapstats/protocol/schemas/components.ts";
import { refTo } from "@swapstats/protocol/schemas/values.ts";
import type { TSchema } from "typebox";

export type OperationId =
  | "index"
  | "healthz"
  | "readyz"
  | "status"
  | "deadLetters"
  | "overview"
  | "screener"
  | "market"
  | "search"
  | "tokenStats"
  | "tokensStats"
  | "candles"
  | "swaps"
  | "audit"
  | "stream"
  | "ingest"
  | "shortStats"
  | "authTicket"
  | "authToken"
  | "openapi"
  | "asyncapi"
  | "docs";

/** Groups of calls, in the order of the documents. */
export const operationTags = {
  Figures: "Statistics, rankings, sums, candles and swaps of tokens",
  Swaps: "Sending swaps, and the records that were not applied",
  Access: "Credentials for clients that cannot set header fields, and for development",
  Service: "Status and health of the service, and its documentation",
} as const;
export type OperationTag = keyof typeof operationTags;

export type ResponseDoc = {
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
  /** The body of the response in JSON to a request with `at`. Undefined: there is no `at`. */
  readonly past: TSchema | undefined;
  /** True: responses have an ETag, and If-None-Match is honoured. */
  readonly conditional: boolean;
  /** Problems of this call, without those that every call can return. */
  readonly problems: readonly ProblemCode[];
};

export const ref = (name: keyof typeof components): TSchema => refTo(name, components[name]);

export const JSON_TYPE = "application/json";
export const EVENT_STREAM_TYPE = "text/event-stream";
export const lookUpProblems = ["unknown_token", "ambiguous_token"] as const;
export const busProblems = ["unavailable", "overloaded"] as const;

export const json = (description: string, schema: TSchema, status = 200): ResponseDoc => ({
  status,
  description,
  content: { [JSON_TYPE]: schema },
});

type Given = Pick<Operation, "id" | "path" | "summary" | "response"> & Partial<Operation>;
export const operation = (given: Given): Operation => ({
  tag: "Figures",
  method: "GET",
  description: "",
  params: {},
  query: {},
  body: {},
  past: undefined,
  conditional: false,
  problems: [],
  ...given,
});
