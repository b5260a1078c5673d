/** The budgets of the HTTP door: each thing that requests hold is held by a lease on one of these. */
import { Budget } from "../../shared/budget.ts";
import type { HttpLimits } from "./http-limits.ts";

export type HttpBudgets = {
  /** Bytes of bodies, received or expanded, until they are answered and the log is done with them. */
  readonly bodies: Budget;
  /** Bytes of answers that are not sent yet. */
  readonly answers: Budget;
  /** Requests that are being answered. */
  readonly requests: Budget;
};

export function createHttpBudgets(limits: HttpLimits, nowMs?: () => number): HttpBudgets {
  const clock = nowMs === undefined ? {} : { nowMs };
  return {
    bodies: new Budget({
      ...clock,
      name: "http_body_bytes",
      limit: limits.bodyBytesInFlightMax,
      shareMax: limits.bodyBytesPerClientMax,
    }),
    answers: new Budget({
      ...clock,
      name: "http_answer_bytes",
      limit: limits.answerBytesInFlightMax,
      shareMax: limits.answerBytesPerClientMax,
    }),
    requests: new Budget({
      ...clock,
      name: "http_requests",
      limit: limits.requestsMax,
      shareMax: limits.requestsPerClientMax,
    }),
  };
}
