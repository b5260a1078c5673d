/**
 * The whole service on a data folder (first argument) with further keys (second argument, as JSON), started by `fork`. Reports its port, and its
 * processor time on request. The third argument, if given, is header fields as JSON, names and values in turn, which every
 * response of the fast lane gets in addition.
 */
import { ServerResponse } from "node:http";
import { startApp } from "../../server/src/app.ts";
import { loadConfig } from "../../server/src/config/load.ts";

export type ServerReport =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "cpu"; readonly seconds: number };

const overrides = {
  data_dir: process.argv[2] as string,
  "api.http.addr": "127.0.0.1:0",
  "metrics.prometheus": "",
  "logging.level": "warn",
  ...(JSON.parse(process.argv[3] ?? "{}") as Record<string, string>),
};
const added = JSON.parse(process.argv[4] ?? "[]") as string[];
if (added.length > 0) {
  const { writeHead } = ServerResponse.prototype;
  ServerResponse.prototype.writeHead = function (this: ServerResponse, status: number, fields?: string[]) {
    if (Array.isArray(fields)) fields.push(...added);
    return writeHead.call(this, status, fields);
  } as typeof writeHead;
}
// Variables of the benchmarks are no keys of the service.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("SWAPSTATS_BENCH_")));
const app = await startApp(loadConfig({ env, overrides }).config, { version: "bench" });
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ type: "cpu", seconds: (user + system) / 1e6 } satisfies ServerReport);
});
process.on("disconnect", () => process.exit(0));
process.send?.({ type: "listening", port: app.addresses.http?.port ?? 0 } satisfies ServerReport);
