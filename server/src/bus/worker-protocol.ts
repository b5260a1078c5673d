/**
 * The messages on the port between the main thread and a worker that owns partitions. One message carries all requests of one turn of the
 * event loop, because a message costs 2 to 3 microseconds whatever it carries.
 */
import type { WireError } from "../shared/wire-error.ts";
import type { RequestKind, WorkerRequest, WorkerResponses } from "./requests.ts";
import type { FeedUpdate } from "./responses.ts";

/** `deadlineMs`: time of the wall clock after which the request has timed out. */
export type RequestItem = { readonly id: number; readonly request: WorkerRequest; readonly deadlineMs: number };

export type ResponseItem =
  | { readonly id: number; readonly response: WorkerResponses[RequestKind] }
  | { readonly id: number; readonly error: WireError };

/** An update of the feed that was opened under this number. */
export type UpdateItem = FeedUpdate & { readonly feedId: number };

export type ToWorker =
  | { readonly type: "requests"; readonly items: readonly RequestItem[] }
  | { readonly type: "close"; readonly feedId: number }
  /** This number of characters of updates was received. The worker makes no more updates while too many are in transit. */
  | { readonly type: "taken"; readonly chars: number };

export type FromWorker =
  | { readonly type: "responses"; readonly items: readonly ResponseItem[] }
  | { readonly type: "updates"; readonly items: readonly UpdateItem[] }
  /** The worker has released the tokens of these feeds, and sends no further updates. */
  | { readonly type: "gone"; readonly feedIds: readonly number[] };
