/** JSON-RPC 2.0 as the nodes of chains speak it: calls, replies, and the meaning of refusals. */
import { SwapstatsError } from "../../shared/errors.ts";
import { printableCut } from "../../shared/printable-text.ts";

export type RpcCall = { readonly method: string; readonly params: readonly unknown[] };

export type RpcReply =
  | { readonly kind: "result"; readonly result: unknown }
  /** `rate_limited`: the same call may pass later. `unknown_method`: it never will. `refused`: everything else. */
  | { readonly kind: "rate_limited" | "unknown_method" | "refused"; readonly message: string };

/** Replies in the order of the calls, or the refusal of all of them. */
export type SentCalls =
  | { readonly kind: "replies"; readonly replies: readonly RpcReply[] }
  /** `pauseMs`: the pause that the node asked for; 0: none. */
  | { readonly kind: "rate_limited"; readonly message: string; readonly pauseMs: number }
  /** The message as a whole was refused, for example because it holds several calls. */
  | { readonly kind: "refused"; readonly message: string };

/** A way to a node. */
export type RpcTransport = {
  /**
   * Sends calls. Rejects with `unavailable` (retryable) when the node cannot be reached, is overdue, or answers something else than
   * JSON-RPC; with `too_large` when its response is too long; and with the signal's reason.
   */
  send(calls: readonly RpcCall[], signal: AbortSignal): Promise<SentCalls>;
  /** Resolves after `ms`, or earlier when the node has announced a block. Rejects with the signal's reason. */
  newBlock(ms: number, signal: AbortSignal): Promise<void>;
  close(): void;
};

const MESSAGE_LENGTH_MAX = 200;
const METHOD_NOT_FOUND = -32601;
/** -32005 is "limit exceeded" of EIP-1474. It also stands for too many results. The others are codes of providers. */
const RATE_CODES: readonly unknown[] = [-32005, 429, -32029, -32097];
const RATE_WORDS = /rate.?limit|too many requests|request limit|throughput|compute units|per second|throttl|capacity/i;
const SIZE_WORDS = /results|range|response size|blocks|logs/i;

/** Reads one response object. Undefined: it is none. */
export function readReply(message: unknown): RpcReply | undefined {
  if (typeof message !== "object" || message === null) return undefined;
  const { error, result } = message as { error?: unknown; result?: unknown };
  if (error === undefined || error === null) return result === undefined ? undefined : { kind: "result", result };
  const { code, message: text } = error as { code?: unknown; message?: unknown };
  const said = printableCut(typeof text === "string" ? text : JSON.stringify(error), MESSAGE_LENGTH_MAX);
  return { kind: refusalKind(code, said), message: said };
}

function refusalKind(code: unknown, said: string): "rate_limited" | "unknown_method" | "refused" {
  if (code === METHOD_NOT_FOUND) return "unknown_method";
  if (RATE_WORDS.test(said)) return "rate_limited";
  return RATE_CODES.includes(code) && !SIZE_WORDS.test(said) ? "rate_limited" : "refused";
}

export function idOf(message: unknown): unknown {
  return typeof message === "object" && message !== null ? (message as { id?: unknown }).id : undefined;
}

export function unavailable(message: string, cause?: unknown): SwapstatsError {
  return new SwapstatsError("unavailable", message, { retryable: true, cause });
}
