/** The one class of errors of the client. */
import type { Candidate, ProblemDocument } from "./wire/problems.ts";

export class ClientError extends Error {
  override readonly name = "ClientError";
  /**
   * Code of the problem. The service's codes are those of ProblemCode. The client's own: `offline` (no response), `timeout`, `closed` (the client
   * or the store was closed), `token_function` (the function for tokens failed), `bad_response` (the response is not one of the service), `replay_ended` (a session of the past has
   * ended).
   */
  readonly code: string;
  /** Status of the HTTP response, if there was one. */
  readonly status: number | undefined;
  /** Milliseconds after which the service asks to try again. */
  readonly retryAfterMs: number | undefined;
  /** The problem document of the response, if there was one. */
  readonly problem: ProblemDocument | undefined;
  /** With `ambiguous_token`: the tokens with the name, by descending volume. */
  readonly candidates: readonly Candidate[] | undefined;

  constructor(
    code: string,
    message: string,
    more: {
      readonly status?: number | undefined;
      readonly retryAfterMs?: number | undefined;
      readonly problem?: ProblemDocument | undefined;
      readonly candidates?: readonly Candidate[] | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.status = more.status;
    this.retryAfterMs = more.retryAfterMs;
    this.problem = more.problem;
    this.candidates = more.candidates ?? more.problem?.candidates;
  }
}
