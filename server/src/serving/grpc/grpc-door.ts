/** The door of gRPC: calls at `api.grpc.addr`, and the same by gRPC-Web and Connect at the HTTP address. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { statsService } from "@swapstats/protocol/proto/descriptor.ts";
import type { Logger } from "../../observability/logger.ts";
import type { Intake } from "../../ports/intake.ts";
import type { Budget } from "../../shared/budget.ts";
import type { Gate } from "../gate.ts";
import type { PastQueries } from "../history/past-queries.ts";
import type { Hub } from "../live/hub.ts";
import type { StreamMetrics } from "../live/stream-metrics.ts";
import type { MountContext, MountRoute } from "../mounts.ts";
import type { QueryExecutor } from "../query-executor.ts";
import type { ServerTls } from "../server-tls.ts";
import { OPERATIONS } from "./calls.ts";
import { HealthService } from "./health-service.ts";
import { GRPC_LIMITS, type GrpcConfig, type GrpcLimits } from "./limits.ts";
import { GrpcListener } from "./listener.ts";
import { LiveCalls } from "./live-calls.ts";
import { handlersOf, passOn } from "./router.ts";

type ListenAddress = { readonly host: string; readonly port: number };

type GrpcOptions = {
  readonly executor: QueryExecutor;
  readonly past?: PastQueries | undefined;
  readonly hub: Hub;
  readonly gate: Gate;
  readonly ingest: Intake;
  readonly config: GrpcConfig;
  /** Undefined: `api.grpc.addr` takes connections in plain text. */
  readonly tls: ServerTls | undefined;
  readonly logger: Logger;
  readonly metrics: StreamMetrics;
  /** Called for each swap of `Ingest` that was refused, with its code. */
  readonly rejected: (code: string) => void;
  /** Overrides of single limits. */
  readonly limits?: Partial<GrpcLimits>;
};

export type GrpcDoor = {
  /** Calls in progress. */
  readonly budget: Budget;
  /** Calls at the HTTP address. `Ingest` is not among them: both sides of it send at the same time, which HTTP/1.1 cannot. */
  readonly mounts: readonly MountRoute[];
  /** Resolves to the address with the port that was taken. Rejects with SwapstatsError `bad_config`. */
  listen(address: ListenAddress): Promise<ListenAddress>;
  /** Refuses new calls, and reports "not serving". */
  startDraining(): void;
  /** Ends the streams, lets other calls end, and after `limitMs` destroys what is left. */
  close(limitMs: number): Promise<void>;
};

export function createGrpcDoor(options: GrpcOptions): GrpcDoor {
  const limits = { ...GRPC_LIMITS, ...options.limits };
  const { hub, gate, config, metrics } = options;
  const live = new LiveCalls({ hub, gate, config, limits, metrics });
  const health = new HealthService([statsService.typeName]);
  let isDraining = false;
  const handlers = handlersOf({
    ...options,
    intake: options.ingest,
    live,
    limits,
    health,
    isDraining: () => isDraining,
  });
  const listener = new GrpcListener(handlers, limits, gate.addressOf, options.tls);
  const startDraining = (): void => {
    isDraining = true;
    health.stop();
  };
  const handlerOf = (path: string) => handlers.get(path) as NonNullable<ReturnType<typeof handlers.get>>;
  const handle = (path: string) => (request: IncomingMessage, response: ServerResponse, context: MountContext) =>
    passOn(
      handlerOf(path),
      request,
      response,
      {
        ...{ sender: request, identity: context.identity, cut: () => void response.destroy(), begun: () => {} },
      },
      context.body ?? Buffer.alloc(0),
    );
  const mounts = statsService.methods
    .filter(({ name }) => name !== "Ingest" && OPERATIONS[name] !== undefined)
    .map(({ name }): MountRoute => {
      // A request that is somewhat too large is refused in the words of its protocol, and by the HTTP door beyond that.
      const path = `/${statsService.typeName}/${name}`;
      return {
        ...{ method: "POST", path, operation: OPERATIONS[name] as NonNullable<(typeof OPERATIONS)[string]> },
        ...{
          bodyBytesMax: 2 * limits.requestBytesMax,
          isWriting: false,
          isStream: name === "Subscribe",
          handle: handle(path),
        },
      };
    });
  return {
    ...{ budget: listener.budget, mounts, startDraining },
    listen: (address) => listener.listen(address),
    close: async (limitMs) => {
      startDraining();
      live.close();
      await listener.close(limitMs);
    },
  };
}
