/**
 * The calls of the HTTP API, with their parameters and responses. Requests are checked by this list. The OpenAPI document and the page
 * for people are made from it.
 */

import { MintedToken, Ticket, tokenBody } from "@swapstats/protocol/schemas/access.ts";
import { DeadLetters } from "@swapstats/protocol/schemas/ingest.ts";
import { deadLettersQuery, ingestQuery } from "@swapstats/protocol/schemas/requests.ts";
import { Health, Index, Ready } from "@swapstats/protocol/schemas/service.ts";
import { Type } from "typebox";
import { figureOperations } from "./figure-operations.ts";
import { busProblems, JSON_TYPE, json, type Operation, operation, type ResponseDoc, ref } from "./operation.ts";

/** Returns the calls of a service with these windows. */
export function operationsOf(windows: readonly string[]): readonly Operation[] {
  return [...figureOperations(windows), ...ingestOperations(), ...accessOperations(), ...serviceOperations()];
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
        "with 202 when all accepted events are on disk. The response lists the events that break a rule; they are not accepted. Sending a swap again does no harm. With `mapping`, the body holds records as a producer has them, " +
        "in the format of that mapping: JSON as above, CSV with a header, or one record of Avro, Protobuf or MessagePack.",
      query: ingestQuery(),
      body: {
        [JSON_TYPE]: Type.Union([ref("SwapEvent"), Type.Array(ref("SwapEvent"))]),
        "application/x-ndjson": Type.String({ description: "One event on each line" }),
      },
      response: json("At least one event is durable", ref("Ingested"), 202),
      problems: [
        "bad_request",
        "ingest_disabled",
        "not_found",
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

function accessOperations(): Operation[] {
  return [
    operation({
      id: "authTicket",
      tag: "Access",
      method: "POST",
      path: "/api/auth/ticket",
      summary: "A ticket for a WebSocket or an event stream",
      description:
        "A page cannot set the header fields of a WebSocket or an EventSource. It exchanges its token for a ticket, and connects to `/ws?ticket=` or `/api/stream?ticket=`. A ticket is valid for 30 s and once.",
      response: json("The ticket", Ticket),
      problems: ["origin_not_allowed", "unavailable"],
    }),
    operation({
      id: "authToken",
      tag: "Access",
      method: "POST",
      path: "/api/auth/token",
      summary: "A token for development",
      description:
        "Signs a token for everyone who asks. It exists only with `security.dev_tokens: on`. In production an issuer signs tokens.",
      body: { [JSON_TYPE]: tokenBody() },
      response: json("The token", MintedToken),
      problems: ["not_found", "origin_not_allowed", "payload_too_large", "unsupported_media_type"],
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
      id: "asyncapi",
      tag: "Service",
      path: "/asyncapi.json",
      summary: "The AsyncAPI 3.0 document of the WebSocket",
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
      summary: "The dashboard for browsers, an index of the service for others",
      description:
        "Requests whose `Accept` names `text/html` get the dashboard, which needs no credentials. With `api.dashboard: off` they get a page with links.",
      response: {
        status: 200,
        description: "The page, or links to the parts of the service",
        content: {
          "text/html": Type.String(),
          [JSON_TYPE]: Index,
        },
      },
    }),
  ];
}
