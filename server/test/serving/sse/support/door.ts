/** The HTTP door with the door of server-sent events on a stand-in bus. */
import type { TestContext } from "node:test";
import { Metrics } from "../../../../src/observability/metrics.ts";
import type { StreamNumbers } from "../../../../src/observability/stream-numbers.ts";
import { type Gate, OPEN_GATE } from "../../../../src/serving/gate.ts";
import { Hub } from "../../../../src/serving/live/hub.ts";
import type { LiveLimits } from "../../../../src/serving/live/live-limits.ts";
import type { SseLimits } from "../../../../src/serving/sse/limits.ts";
import { SseDoor } from "../../../../src/serving/sse/sse-door.ts";
import { startHarness } from "../../http/http-harness.ts";
import { StandInBus } from "../../websocket/support/stand-in-bus.ts";

type Options = {
  readonly limits?: Partial<SseLimits & LiveLimits>;
  readonly maxConn?: number;
  readonly gate?: Gate;
  readonly corsOrigins?: readonly string[];
  /** A hub that another door has made, as the same program with a new listener. */
  readonly hub?: Hub;
};

export type TestDoor = {
  readonly bus: StandInBus;
  readonly hub: Hub;
  readonly door: SseDoor;
  readonly numbers: StreamNumbers;
  readonly base: string;
  readonly port: number;
};

const WINDOWS = [
  { name: "1m", lengthMs: 60_000, stepMs: 1_000 },
  { name: "5m", lengthMs: 300_000, stepMs: 5_000 },
];

/** Opens a door that ends with the test. */
export async function openSseDoor(t: TestContext, options: Options = {}): Promise<TestDoor> {
  const { limits = {}, maxConn = 100, gate = OPEN_GATE, corsOrigins = [] } = options;
  const limitsOfWs = { maxConn, maxSubscriptions: 500, maxRows: 100_000, maxRowsTotal: 100_000 };
  const ws = { ...limitsOfWs, coalesceMs: 5, resumeWindowMs: 60_000, resumeBytes: 262_144 };
  const config = { api: { ws }, windows: { clock: "live" as const, list: WINDOWS } };
  const bus = new StandInBus();
  const hub = new Hub({ bus, config, limits });
  const numbers = new Metrics().streamsOf("sse");
  const door = new SseDoor({ hub, gate, config, metrics: numbers, limits: { sweepMs: 5, ...limits } });
  const { port } = await startHarness(t, { mounts: door.mounts, gate, corsOrigins });
  t.after(() => {
    door.close();
    hub.close();
  });
  return { bus, hub, door, numbers, port, base: `http://127.0.0.1:${port}` };
}
