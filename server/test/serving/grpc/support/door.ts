/** The door of gRPC on stand-ins, at an address of its own and at that of the HTTP door, and clients of both. */
import type { TestContext } from "node:test";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { statsService } from "@swapstats/protocol/proto/descriptor.ts";
import { createLogger } from "../../../../src/observability/logger.ts";
import { Metrics } from "../../../../src/observability/metrics.ts";
import type { StreamNumbers } from "../../../../src/observability/stream-numbers.ts";
import { type Gate, OPEN_GATE } from "../../../../src/serving/gate.ts";
import { createGrpcDoor, type GrpcDoor } from "../../../../src/serving/grpc/grpc-door.ts";
import type { GrpcLimits } from "../../../../src/serving/grpc/limits.ts";
import { Hub } from "../../../../src/serving/live/hub.ts";
import { QueryExecutor } from "../../../../src/serving/query-executor.ts";
import type { ServerTls } from "../../../../src/serving/server-tls.ts";
import { startHarness, WINDOWS } from "../../http/http-harness.ts";
import { StandInBus, StandInIngest } from "../../http/stand-in-bus.ts";
import { StandInBus as LiveBus } from "../../websocket/support/stand-in-bus.ts";

type Options = {
  readonly limits?: Partial<GrpcLimits>;
  readonly maxConn?: number;
  readonly gate?: Gate;
  readonly corsOrigins?: readonly string[];
  readonly tls?: ServerTls;
};

// biome-ignore lint/suspicious/noExplicitAny: messages have types for generated code only, and tests use none
export type Calls = any;

export type TestDoor = {
  readonly door: GrpcDoor;
  /** Answers queries. */
  readonly bus: StandInBus;
  /** Has the channels. */
  readonly live: LiveBus;
  readonly ingest: StandInIngest;
  readonly hub: Hub;
  readonly numbers: StreamNumbers;
  readonly rejected: string[];
  readonly grpc: string;
  readonly http: string;
  readonly httpPort: number;
};

export type Protocol = "grpc" | "grpc-web" | "connect" | "connect-json";

const SHAPES = WINDOWS.map((name) => ({ name, lengthMs: 60_000, stepMs: 1_000 }));

/** Opens a door that ends with the test. */
export async function openGrpcDoor(t: TestContext, options: Options = {}): Promise<TestDoor> {
  const { limits = {}, maxConn = 100, gate = OPEN_GATE, corsOrigins = [] } = options;
  const limitsOfWs = { maxConn, maxSubscriptions: 500, maxRows: 100_000, maxRowsTotal: 100_000 };
  const ws = { ...limitsOfWs, coalesceMs: 5, resumeWindowMs: 60_000, resumeBytes: 262_144 };
  const config = { api: { ws }, windows: { clock: "live" as const, list: SHAPES } };
  const bus = new StandInBus();
  const live = new LiveBus();
  const ingest = new StandInIngest();
  const hub = new Hub({ bus: live, config });
  const numbers = new Metrics().streamsOf("grpc");
  const rejected: string[] = [];
  const executor = new QueryExecutor({
    ...{ bus, windows: SHAPES, pendingMax: 100, timeoutMs: 60_000 },
  });
  const door = createGrpcDoor({
    ...{ executor, hub, gate, config, ingest: { port: ingest, mappings: [] }, metrics: numbers },
    tls: options.tls,
    logger: createLogger({ level: "silent", format: "json" }, { write: () => {} }),
    rejected: (code) => rejected.push(code),
    limits: { sweepMs: 5, ...limits },
  });
  const { port } = await door.listen({ host: "127.0.0.1", port: 0 });
  const harness = await startHarness(t, { mounts: door.mounts, gate, corsOrigins });
  t.after(async () => {
    await door.close(0);
    hub.close();
  });
  const http = `http://127.0.0.1:${harness.port}`;
  return {
    ...{ door, bus, live, ingest, hub, numbers, rejected },
    grpc: `http://127.0.0.1:${port}`,
    http,
    httpPort: harness.port,
  };
}

/** Returns a client of the service by a protocol: gRPC at its own address, the others at that of HTTP. */
export function clientOf({ grpc, http }: Pick<TestDoor, "grpc" | "http">, protocol: Protocol = "grpc"): Calls {
  return createClient(statsService, transportOf(protocol, grpc, http)) as Client<typeof statsService>;
}

function transportOf(protocol: Protocol, grpc: string, http: string): Transport {
  switch (protocol) {
    case "grpc":
      return createGrpcTransport({ baseUrl: grpc });
    case "grpc-web":
      return createGrpcWebTransport({ baseUrl: http, httpVersion: "1.1" });
    case "connect":
      return createConnectTransport({ baseUrl: http, httpVersion: "1.1", useBinaryFormat: true });
    case "connect-json":
      return createConnectTransport({ baseUrl: http, httpVersion: "1.1", useBinaryFormat: false });
  }
}
