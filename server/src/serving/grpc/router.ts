/** All services of the door, by the path of each call, and how a request of Node is passed to one of them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { createConnectRouter, createContextValues, type HandlerContext } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { statsFile, statsService } from "@swapstats/protocol/proto/descriptor.ts";
import { ProblemError } from "../problems.ts";
import { admitCall, CALLER, type Caller } from "./caller.ts";
import { type CallParts, OPERATIONS, registerCalls } from "./calls.ts";
import { Batches } from "./envelopes.ts";
import { grpcError } from "./errors.ts";
import type { HealthService } from "./health-service.ts";
import { Reflection } from "./reflection-service.ts";
import { standardFiles } from "./standard-files.ts";

type RouterParts = CallParts & { readonly health: HealthService; readonly isDraining: () => boolean };

const HEALTH = "grpc.health.v1.Health";

/** Returns the handlers of all calls, by path. */
export function handlersOf(parts: RouterParts): ReadonlyMap<string, UniversalHandler> {
  const { gate, health, limits, isDraining } = parts;
  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    readMaxBytes: limits.requestBytesMax,
    maxTimeoutMs: MAX_TIMEOUT_MS,
    // The names of the contract, as in the other doors.
    jsonOptions: { useProtoFieldName: true },
    requestGate: async (context: HandlerContext) => {
      const isHealth = context.service.typeName === HEALTH;
      if (isDraining() && !isHealth) {
        throw grpcError(new ProblemError("shutting_down", "The service is shutting down; call again in a moment."));
      }
      const isStats = context.service.typeName === statsService.typeName;
      const own = isStats ? OPERATIONS[context.method.name] : undefined;
      await admitCall(gate, context, own ?? (isHealth ? "grpcHealth" : "grpcReflection"));
    },
  });
  registerCalls(router, parts);
  health.register(router);
  new Reflection([statsFile, ...standardFiles]).register(router);
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
}

/** Deadlines of a day and more are refused: no client means them. */
const MAX_TIMEOUT_MS = 86_400_000;

/**
 * Passes a request to the handler of its path. `body`: the whole body, if it was read already. Resolves when the status of the response is
 * known; the rest follows.
 */
export async function passOn(
  handler: UniversalHandler,
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  client: Omit<Caller, "batches">,
  body?: Buffer,
): Promise<void> {
  const batches = new Batches();
  const caller: Caller = { ...client, batches };
  const values = createContextValues().set(CALLER, caller);
  const given = universalRequestFromNodeRequest(
    request as IncomingMessage,
    response as ServerResponse,
    undefined,
    values,
  );
  const result = await handler(body === undefined ? given : { ...given, body: once(body) });
  response.statusCode = result.status;
  // The client may leave at any time.
  const isLive = handler.method.name === "Subscribe" && result.body !== undefined;
  const sent = isLive ? { ...result, body: batches.corrected(result.body as AsyncIterable<Uint8Array>) } : result;
  universalResponseToNodeResponse(sent, response as ServerResponse).catch(() => caller.cut());
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
