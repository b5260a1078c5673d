/**
 * The whole service with the generator as its source, and all doors open, started by `fork` with a data folder. Reports its addresses, and its
 * processor time on request.
 */

import { freePort } from "../../scripts/servers/ports.ts";
import { startApp } from "../../server/src/app.ts";
import { loadConfig } from "../../server/src/config/load.ts";

export type ServiceReport =
  | { readonly type: "listening"; readonly httpPort: number; readonly grpcPort: number }
  | { readonly type: "cpu"; readonly seconds: number };

const grpcPort = await freePort();
const overrides = {
  ...{ data_dir: process.argv[2] as string, "metrics.prometheus": "", "logging.level": "warn" },
  ...{ "ingest.source": "generator", "ingest.generator.rate": "1000" },
  ...{ "api.http.addr": "127.0.0.1:0", "api.grpc.addr": `127.0.0.1:${grpcPort}`, "api.ws.compression": "on" },
  // A checkpoint would fall into some rounds and not into others.
  ...{ "windows.list": "10s,20s,40s,1m", "app.snapshot_interval": "1h" },
};
const app = await startApp(loadConfig({ env: {}, overrides }).config, { version: "bench" });
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ type: "cpu", seconds: (user + system) / 1e6 } satisfies ServiceReport);
});
process.on("disconnect", () => process.exit(0));
const httpPort = app.addresses.http?.port ?? 0;
process.send?.({ type: "listening", httpPort, grpcPort } satisfies ServiceReport);
