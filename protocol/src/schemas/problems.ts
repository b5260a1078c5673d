/** Problem documents of HTTP, and the parts that they share with error messages of the WebSocket. */
import { type Static, Type } from "typebox";
import { problemCodes } from "../problems.ts";
import { count, decimal, optional, type ReadOnly, refTo, timeMs, tokenId, uint32 } from "./values.ts";

/** One of the tokens that have a name in common. */
export const Candidate = Type.Object({
  id: tokenId,
  symbol: optional(Type.String()),
  chain_id: uint32,
  volume_usd: optional(decimal("Volume in `window`")),
  window: optional(Type.String({ description: "The longest window of at most a day" })),
});
export type TokenCandidate = ReadOnly<Static<typeof Candidate>>;

export const ProblemCode = Type.Enum([...problemCodes]);

/** One parameter of a request that breaks a rule. `name` is the parameter, or a JSON pointer into the body. */
const ParameterError = Type.Object({
  in: Type.Enum(["path", "query", "body", "header"]),
  name: Type.String(),
  message: Type.String(),
});
export type ParameterError = ReadOnly<Static<typeof ParameterError>>;

/** An event that is rejected. */
export const EventError = Type.Object({
  index: count("Index of the event in the body, from 0"),
  code: Type.String(),
  message: Type.String(),
});
export type EventError = ReadOnly<Static<typeof EventError>>;

/** A problem document of RFC 9457, media type `application/problem+json`. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: "Cause of this problem and how to solve it" }),
    code: ProblemCode,
    instance: Type.String(),
    candidates: optional(
      Type.Array(refTo("Candidate", Candidate), {
        description: "Tokens with an ambiguous name, by descending volume",
      }),
    ),
    more: optional(count("Lower bound for the number of further tokens with the name")),
    errors: optional(Type.Array(ParameterError, { description: "Every parameter that breaks a rule" })),
    accepted: optional(count()),
    rejected: optional(Type.Array(EventError)),
    reasons: optional(Type.Array(Type.String())),
    latest_at: optional(timeMs("Latest value of `at` that this call can use now")),
  },
  { description: "RFC 9457" },
);
export type ProblemDocument = ReadOnly<Static<typeof Problem>>;
