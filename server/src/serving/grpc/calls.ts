/** The calls of `swapstats.v1.StatsService`, registered with the library that speaks gRPC, gRPC-Web and Connect. */
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { messageDesc, statsService } from "@swapstats/protocol/proto/descriptor.ts";
import type { Logger } from "../../observability/logger.ts";
import type { Intake } from "../../ports/intake.ts";
import type { Gate } from "../gate.ts";
import type { PastQueries } from "../history/past-queries.ts";
import type { OperationName } from "../operation-rules.ts";
import { ProblemError, problemOf } from "../problems.ts";
import { messageOf, requestJson, responseMessage } from "../protobuf/service-messages.ts";
import type { QueryExecutor } from "../query-executor.ts";
import { callerOf, payFor } from "./caller.ts";
import { HEAD_BYTES } from "./envelopes.ts";
import { grpcError } from "./errors.ts";
import { ingestCall } from "./ingest-call.ts";
import type { GrpcLimits } from "./limits.ts";
import type { LiveCalls } from "./live-calls.ts";
import { type UnaryCall, unaryCalls } from "./unary-calls.ts";

export type CallParts = {
  readonly executor: QueryExecutor;
  readonly past?: PastQueries | undefined;
  readonly gate: Gate;
  readonly intake: Intake;
  readonly live: LiveCalls;
  readonly limits: GrpcLimits;
  readonly logger: Logger;
  /** Called for each swap of `Ingest` that was refused, with its code. */
  readonly rejected: (code: string) => void;
};

/** Operations for the gate, by method; those of other services are in router.ts. */
export const OPERATIONS: Readonly<Record<string, OperationName>> = {
  GetStats: "tokenStats",
  BatchGetStats: "tokensStats",
  GetOverview: "overview",
  Screen: "screener",
  GetCandles: "candles",
  ListSwaps: "swaps",
  Subscribe: "stream",
  Ingest: "ingest",
};

export function registerCalls(router: ConnectRouter, parts: CallParts): void {
  const unary = unaryCalls(parts.executor, parts.past) as unknown as Readonly<Record<string, UnaryCall>>;
  for (const method of statsService.methods) {
    const call = unary[method.name];
    if (call !== undefined) registerUnary(router, parts, method, call);
  }
  registerSubscribe(router, parts);
  registerIngest(router, parts);
}

const methodNamed = (name: string): DescMethod =>
  statsService.methods.find((method) => method.name === name) as DescMethod;

function registerUnary(router: ConnectRouter, parts: CallParts, method: DescMethod, call: UnaryCall): void {
  const { gate, limits } = parts;
  const run = async (request: Message, context: HandlerContext): Promise<Message> => {
    try {
      const params = call.read(requestJson(method.input.name, request));
      await payFor(gate, context, call.operation, call.items(params));
      const text = await withinDeadline(call.text(params), context.signal);
      return responseMessage(method.name as Parameters<typeof responseMessage>[0], text);
    } catch (error) {
      throw failed(parts, method, error);
    }
  };
  router.rpc(method, run as never, { readMaxBytes: limits.requestBytesMax });
}

/** Rejects with the reason of the signal when it is aborted first: the deadline has passed, or the client has left. */
async function withinDeadline<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function registerSubscribe(router: ConnectRouter, parts: CallParts): void {
  const { gate, live, limits } = parts;
  const method = methodNamed("Subscribe");
  const desc = messageDesc("SubscribeResponse");
  async function* run(request: Message, context: HandlerContext): AsyncGenerator<Message> {
    try {
      const channels = (requestJson("SubscribeRequest", request).channels ?? []) as readonly JsonObject[];
      await payFor(gate, context, "subscribe", channels.length, true);
      const isJson = context.requestHeader.get("content-type")?.includes("json") === true;
      const { identity, cut, begun, batches } = callerOf(context);
      for await (const batch of live.messages(channels, { identity, cut, signal: context.signal })) {
        begun();
        if (!isJson) yield batches.messageOf(desc, batch);
        else for (const envelope of batch) yield messageOf(desc.name, envelope.subarray(HEAD_BYTES));
      }
    } catch (error) {
      throw failed(parts, method, error);
    }
  }
  // Batches are not compressed: their lengths are corrected.
  const uncompressed = { compressMinBytes: Number.MAX_SAFE_INTEGER };
  router.rpc(method, run as never, { readMaxBytes: limits.requestBytesMax, ...uncompressed });
}

function registerIngest(router: ConnectRouter, parts: CallParts): void {
  const { intake, gate, limits } = parts;
  const method = methodNamed("Ingest");
  let calls = 0;
  async function* run(requests: AsyncIterable<Message>, context: HandlerContext): AsyncGenerator<Message> {
    if (calls >= limits.ingestCallsMax) {
      throw new ConnectError(`${calls} calls of Ingest run already; try again in a moment`, Code.ResourceExhausted);
    }
    calls += 1;
    try {
      if (intake.port === undefined) throw new ProblemError("ingest_disabled", intake.reason);
      let isFirst = true;
      yield* ingestCall(
        {
          ...{ port: intake.port, pendingMax: limits.ingestPendingMax, timeoutMs: limits.ingestTimeoutMs },
          rejected: parts.rejected,
          admit: async () => {
            if (!isFirst) await payFor(gate, context, "ingest", 1, true);
            isFirst = false;
          },
        },
        requests,
      );
    } catch (error) {
      throw failed(parts, method, error);
    } finally {
      calls -= 1;
    }
  }
  router.rpc(method, run as never, { readMaxBytes: limits.ingestBytesMax });
}

function failed({ logger }: CallParts, method: DescMethod, error: unknown): ConnectError {
  if (!(error instanceof ConnectError)) {
    const problem = problemOf(error);
    if (problem.code === "internal") logger.error({ err: problem, method: method.name }, "a call of gRPC failed");
  }
  return grpcError(error);
}
