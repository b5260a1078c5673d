/** The commands `serve` and `demo`: start the service, say where it listens, stop it in order. */
import { type App, startApp } from "../app.ts";
import type { GeneratorConfig } from "../config/build/ingest.ts";
import type { Config } from "../config/config.ts";
import type { LoadedConfig } from "../config/load.ts";
import { formatListenAddress, type ListenAddress } from "../config/units.ts";
import { createLogger } from "../observability/logger.ts";
import { CommandFailed } from "./command-failed.ts";
import type { Output } from "./output.ts";
import { groupDigits } from "./progress.ts";
import { readConfig } from "./read-config.ts";
import { VERSION } from "./version.ts";

/** Longer than the limits of all parts of the service. A part that hangs must not keep the process. */
const STOP_LIMIT_MS = 30_000;

/** Options that override a key of the configuration. */
export type ServeOptions = {
  readonly config?: string;
  readonly port?: number;
  readonly dataDir?: string;
};

export async function runServe(options: ServeOptions, output: Output, signal: AbortSignal): Promise<void> {
  const overrides = overridesOf(options, output);
  await run(readConfig(options.config, output, overrides, defaultsOf(options)), "serve", output, signal);
}

/** Returns the overrides of the configuration. A port alone keeps the configured host. */
function overridesOf({ config: path, port, dataDir }: ServeOptions, output: Output): Record<string, string> {
  const overrides: Record<string, string> = {};
  if (dataDir !== undefined) overrides.data_dir = dataDir;
  if (port !== undefined) {
    const { host } = readConfig(path, output).config.api.http.addr ?? { host: "127.0.0.1" };
    overrides["api.http.addr"] = formatListenAddress({ host, port });
  }
  return overrides;
}

/** With --port, metrics take a free port unless they are configured. Two services then need no other setting. */
function defaultsOf({ port }: ServeOptions): Record<string, string> {
  return port === undefined ? {} : { "metrics.prometheus": "127.0.0.1:0" };
}

/** Synthetic swaps have their own folder: they must not mix with the swaps of a real service. */
export const DEMO_DATA_DIR = "./demo-data";

export async function runDemo(
  ratePerSecond: number,
  options: ServeOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const overrides = {
    "ingest.source": "generator",
    "ingest.generator.rate": String(ratePerSecond),
    // On a terminal logs are text.
    ...(output.errIsTerminal ? { "logging.format": "text" } : {}),
    ...overridesOf(options, output),
  };
  const history = canKeepHistory() ? { "stores.history": "embedded" } : {};
  const defaults = { ...defaultsOf(options), data_dir: DEMO_DATA_DIR, ...history };
  await run(readConfig(options.config, output, overrides, defaults), "demo", output, signal);
}

/** Whether the optional package of the embedded history is installed. */
function canKeepHistory(): boolean {
  try {
    import.meta.resolve("@duckdb/node-api");
    return true;
  } catch {
    return false;
  }
}

/** Starts the service (`startApp` of app.ts), and stops it in order at a signal or when a part has failed. */
async function run(
  { config, warnings }: LoadedConfig,
  command: "serve" | "demo",
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const failed = Promise.withResolvers<never>();
  // When no one awaits the promise any more, the failure was already reported.
  failed.promise.catch(() => undefined);
  const logger = createLogger(config.logging);
  for (const warning of warnings) logger.warn({ warning }, "a setting has no effect");
  // The program that started the service may have ended. The clients of the service have not.
  output.onOutClosed(() => logger.warn("standard output was closed by its reader; the service continues"));
  const onFatal = (err: Error): void => {
    logger.fatal({ err }, "a part failed; the service stops");
    failed.reject(new CommandFailed(err.message));
  };
  const starting = startApp(config, { version: VERSION, logger, onFatal });
  const app = await Promise.race([starting, failed.promise]);
  const { ingest } = config;
  const isDemo = command === "demo" && ingest.source === "generator";
  output.out(isDemo ? demoText(app, config, ingest.generator) : serveText(app, config));
  try {
    await Promise.race([aborted(signal), failed.promise]);
  } finally {
    logger.info("stopping");
    await stopWithin(app, STOP_LIMIT_MS);
  }
  logger.info("stopped");
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Rejects when stopping takes longer. Acknowledged swaps are in the log, and the next start continues from there. */
async function stopWithin(app: App, limitMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = `stopping took longer than ${limitMs / 1_000} s; no acknowledged swap is lost, the next start replays them from the log`;
    timer = setTimeout(() => {
      process.stderr.write(`swapstats: ${message}\n`);
      reject(new CommandFailed(message));
      // Threads that hang would keep the process alive.
      setImmediate(() => process.exit(1));
    }, limitMs);
  });
  try {
    await Promise.race([app.stop(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function serveText({ addresses }: App, config: Config): string {
  const http = addresses.http === undefined ? "off" : apiUrlOf(addresses.http, config);
  const metrics = addresses.metrics === undefined ? "off" : `${urlOf(addresses.metrics)}/metrics`;
  const grpc = addresses.grpc === undefined ? "" : `gRPC: ${formatListenAddress(addresses.grpc)}, `;
  return `swapstats ${VERSION} listens on ${http} (${grpc}metrics: ${metrics}), data in ${config.dataDir}\n`;
}

/** Returns what the demo does, and the one address to open. */
function demoText(
  { addresses }: Pick<App, "addresses">,
  config: Config,
  { ratePerSecond, tokens }: GeneratorConfig,
): string {
  const what = `${groupDigits(ratePerSecond)} synthetic swaps per second of ${groupDigits(tokens)} tokens`;
  const address =
    addresses.http === undefined ? "api.http.addr is empty: HTTP is off" : apiUrlOf(addresses.http, config);
  return `swapstats ${VERSION}: ${what}, data in ${config.dataDir}

  ${address}

Ctrl+C stops it. The next start continues with this data; remove the folder to start afresh.
`;
}

const apiUrlOf = (address: ListenAddress, { api }: Config): string =>
  urlOf(address, api.http.tls === undefined ? "http" : "https");

/** A listener on all addresses is reachable on this machine by a loopback address. */
function urlOf({ host, port }: ListenAddress, scheme = "http"): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${scheme}://${formatListenAddress({ host: reachable, port })}`;
}
