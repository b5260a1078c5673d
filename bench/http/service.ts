/** The whole service on a data folder (first argument), started by `fork`. Reports its port, and its processor time on request. */
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
};
const app = await startApp(loadConfig({ env: {}, overrides }).config, { version: "bench" });
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ type: "cpu", seconds: (user + system) / 1e6 } satisfies ServerReport);
});
process.on("disconnect", () => process.exit(0));
process.send?.({ type: "listening", port: app.addresses.http?.port ?? 0 } satisfies ServerReport);
