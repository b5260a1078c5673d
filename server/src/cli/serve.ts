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

/** Above the limits within which the parts of the service end; a part that hangs must not hold the process. */
const STOP_LIMIT_MS = 30_000;

/** Options that stand for a key of the configuration, and go before it. */
export type ServeOptions = {
  readonly config?: string;
  readonly port?: number;
  readonly dataDir?: string;
};

export async function runServe(options: ServeOptions, output: Output, signal: AbortSignal): Promise<void> {
  const overrides = overridesOf(options, output);
  await run(readConfig(options.config, output, overrides, defaultsOf(options)), "serve", output, signal);
}

/** A port alone keeps the host that is configured. */
function overridesOf({ config: path, port, dataDir }: ServeOptions, output: Output): Record<string, string> {
  const overrides: Record<string, string> = {};
  if (dataDir !== undefined) overrides.data_dir = dataDir;
  if (port !== undefined) {
    const { host } = readConfig(path, output).config.api.http.addr ?? { host: "127.0.0.1" };
    overrides["api.http.addr"] = formatListenAddress({ host, port });
  }
  return overrides;
}

/** With a port of its own the metrics take a free one unless they are configured, so that two services need nothing else. */
function defaultsOf({ port }: ServeOptions): Record<string, string> {
  return port === undefined ? {} : { "metrics.prometheus": "127.0.0.1:0" };
}

/** Made-up swaps have a folder of their own: they must not stand among the swaps of a real service. */
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
    // A person looks on: lines to read, unless the configuration wants otherwise.
    ...(output.errIsTerminal ? { "logging.format": "text" } : {}),
    ...overridesOf(options, output),
  };
  const defaults = { ...defaultsOf(options), data_dir: DEMO_DATA_DIR };
  await run(readConfig(options.config, output, overrides, defaults), "demo", output, signal);
}

async function run(
  { config, warnings }: LoadedConfig,
  command: "serve" | "demo",
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const failed = Promise.withResolvers<never>();
  // Where nobody waits for it any more the failure has been told already.
  failed.promise.catch(() => undefined);
  const logger = createLogger(config.logging);
  for (const warning of warnings) logger.warn({ warning }, "a setting is not used");
  // Whoever started the service may be gone; its clients are not.
  output.onOutClosed(() => logger.warn("nobody reads standard output any more; the service goes on"));
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

/** Throws when stopping takes longer; what was acknowledged is in the log, and the next start goes on from there. */
async function stopWithin(app: App, limitMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = `stopping took longer than ${limitMs / 1_000} s; nothing acknowledged is lost, the next start replays it from the log`;
    timer = setTimeout(() => {
      process.stderr.write(`swapstats: ${message}\n`);
      reject(new CommandFailed(message));
      // Threads that hang would keep the process.
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
  const http = addresses.http === undefined ? "off" : urlOf(addresses.http);
  const metrics = addresses.metrics === undefined ? "off" : `${urlOf(addresses.metrics)}/metrics`;
  return `swapstats ${VERSION} listens on ${http} (metrics: ${metrics}), data in ${config.dataDir}\n`;
}

/** What a person can open, each on a line of its own. */
export function demoText(
  { addresses }: Pick<App, "addresses">,
  config: Config,
  { ratePerSecond, tokens }: GeneratorConfig,
): string {
  const lines = [
    `swapstats ${VERSION}: ${groupDigits(ratePerSecond)} made-up swaps a second of ${groupDigits(tokens)} tokens, data in ${config.dataDir}`,
    "",
  ];
  if (addresses.http !== undefined) {
    const base = urlOf(addresses.http);
    const window = config.windows.list[1]?.name ?? config.windows.list[0]?.name;
    lines.push(
      `  a token        ${base}/stats?token=WETH`,
      `  all tokens     ${base}/api/overview?window=${window}`,
      `  where it is    ${base}/api/status`,
      `  all calls      ${base}/docs`,
      `  WebSocket      ${base.replace("http", "ws")}/ws`,
    );
    const url = base === "http://127.0.0.1:8080" ? "" : ` --url ${base}`;
    lines.push(`  live table     npx swapstats top${url}`);
  }
  if (addresses.metrics !== undefined) lines.push(`  metrics        ${urlOf(addresses.metrics)}/metrics`);
  return `${lines.join("\n")}\n\nCtrl+C ends it. The next start goes on with that folder; remove it to begin anew.\n`;
}

/** A listener on all addresses can be reached on this machine by its loopback address. */
function urlOf({ host, port }: ListenAddress): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${formatListenAddress({ host: reachable, port })}`;
}
