/** The client of a call, which its handler finds in the context. */
import { Code, ConnectError, type ContextKey, createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Identity, Sender } from "../../access/identity.ts";
import { type Gate, passGate } from "../gate.ts";
import { costOf, type OperationName } from "../operation-rules.ts";
import { limitFields } from "../problem-response.ts";
import type { Batches } from "./envelopes.ts";
import { grpcError } from "./errors.ts";

export type Caller = {
  readonly sender: Sender;
  /** Undefined until the call has passed the gate. */
  identity: Identity | undefined;
  /** Ends the connection of the call now. */
  readonly cut: () => void;
  /** Called when the first response of a stream is sent: it then counts as a client of live data, and no longer as a call in progress. */
  readonly begun: () => void;
  readonly batches: Batches;
};

export const CALLER: ContextKey<Caller | undefined> = createContextKey<Caller | undefined>(undefined);

export function callerOf(context: HandlerContext): Caller {
  const caller = context.values.get(CALLER);
  if (caller === undefined) throw new ConnectError("the call has no client", Code.Internal);
  return caller;
}

/** Passes a call through the gate, unless the HTTP door has done so. Throws ConnectError. */
export async function admitCall(gate: Gate, context: HandlerContext, operation: OperationName): Promise<void> {
  const caller = callerOf(context);
  if (caller.identity !== undefined) return;
  const { problem, limits, identity } = await passGate(gate, caller.sender, operation, 1);
  for (const [name, value] of limitFields(limits)) context.responseHeader.set(name, value);
  if (problem !== undefined) throw grpcError(problem);
  caller.identity = identity;
}

/** Passes a call that costs more than one unit through the gate once more. `isFurther`: nothing of it was paid for yet. Throws ConnectError. */
export async function payFor(
  gate: Gate,
  context: HandlerContext,
  operation: OperationName,
  items: number,
  isFurther = false,
): Promise<void> {
  const { identity } = callerOf(context);
  const cost = costOf(operation, items) - (isFurther ? 0 : 1);
  if (cost <= 0 || identity === undefined) return;
  const { problem } = await gate.admit(identity, operation, cost);
  if (problem !== undefined) throw grpcError(problem);
}
