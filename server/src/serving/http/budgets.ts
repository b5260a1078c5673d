/** The budgets of the HTTP door. Every resource of a request is held by a lease on one of these. */
import { Budget } from "../../shared/budget.ts";
import type { HttpLimits } from "./http-limits.ts";

export type HttpBudgets = {
  /** Bytes of bodies, received or expanded, until the response is sent and the log has finished with them. */
  readonly bodies: Budget;
  /** Bytes of responses that are not sent yet. */
  readonly responses: Budget;
  /** Requests in progress. */
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
    responses: new Budget({
      ...clock,
      name: "http_answer_bytes",
      limit: limits.responseBytesInFlightMax,
      shareMax: limits.responseBytesPerClientMax,
    }),
    requests: new Budget({
      ...clock,
      name: "http_requests",
      limit: limits.requestsMax,
      shareMax: limits.requestsPerClientMax,
    }),
  };
}
