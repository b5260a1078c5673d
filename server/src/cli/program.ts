/** All commands with their options and help. What a command does is imported when it runs, so that help is quick. */
import { Command, type CommanderError, InvalidArgumentError, Option } from "commander";
import { GENERATOR_DEFAULTS, GENERATOR_LIMITS, START_MAX_MS, START_MIN_MS } from "../generator/options.ts";
import type { Output } from "./output.ts";
import { durationOption, integerOption, numberOption, serviceUrlOption, shareOption, timeOption } from "./values.ts";
import { VERSION } from "./version.ts";

const DEFAULT_URL = "http://127.0.0.1:8080";
const EVENT_TIME_MAX_MS = 253_402_300_799_999;

export function makeProgram(output: Output, signal: AbortSignal): Command {
  const program = new Command("swapstats");
  program
    .description("Live, exact statistics per token from a stream of swaps.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .showHelpAfterError("(swapstats help shows all commands)")
    .configureOutput({ writeOut: output.out, writeErr: output.err })
    .exitOverride((error: CommanderError) => {
      throw error;
    })
    .addHelpText(
      "after",
      `
Examples:
  swapstats demo                              the service with made-up swaps; open what it prints
  swapstats serve --config config.yaml        the service
  swapstats replay day.ndjson.gz              final statistics of a file
  swapstats top                               a live table of a running service

Exit codes: 0 fine, 1 failed, 2 wrong usage. docs/command-line.md says more.`,
    );
  for (const add of [addServe, addDemo, addGenerate, addReplay, addTop, addWatch, addConfig, addCheckpoint, addLog]) {
    add(program, output, signal);
  }
  return program;
}

type Add = (program: Command, output: Output, signal: AbortSignal) => void;

const configOption = (): Option =>
  new Option("-c, --config <file>", "configuration file (YAML); without it defaults and the environment").env(
    "SWAPSTATS_CONFIG",
  );
const urlOption = (): Option =>
  new Option("--url <url>", "address of the service").argParser(serviceUrlOption).default(DEFAULT_URL);

const addServe: Add = (program, output, signal) => {
  program
    .command("serve")
    .summary("run the service")
    .description(
      "Runs the service. Without a configuration file everything is embedded, data is in ./data, and the API listens on 127.0.0.1:8080.",
    )
    .addOption(configOption())
    .addHelpText(
      "after",
      `
Examples:
  swapstats serve
  swapstats serve --config config.yaml
  SWAPSTATS_API_HTTP_ADDR=0.0.0.0:8080 WINDOWS=5m,1h,24h swapstats serve`,
    )
    .action(async (options: { config?: string }) => {
      const { runServe } = await import("./serve.ts");
      await runServe(options.config, output, signal);
    });
};

const addDemo: Add = (program, output, signal) => {
  const { min, max } = GENERATOR_LIMITS.ratePerSecond;
  program
    .command("demo")
    .summary("run the service with made-up swaps")
    .description("Runs the service with the built-in generator as its source, and prints the addresses to open.")
    .option("--rate <n>", "swaps a second", numberOption(min, Math.min(max, 1_000_000)), 1_000)
    .addOption(configOption())
    .addHelpText("after", "\nExamples:\n  swapstats demo\n  swapstats demo --rate 20000")
    .action(async (options: { rate: number; config?: string }) => {
      const { runDemo } = await import("./serve.ts");
      await runDemo(options.rate, options.config, output, signal);
    });
};

const addGenerate: Add = (program, output, signal) => {
  const defaults = GENERATOR_DEFAULTS;
  const { ratePerSecond, tokens, traders, zipf, seed } = GENERATOR_LIMITS;
  program
    .command("generate")
    .summary("make synthetic swaps")
    .description(
      "Makes seeded synthetic swaps. The same seed, start and options give the same bytes. To ndjson they are written to stdout as fast as they are taken; to a service they are sent at their rate.",
    )
    .requiredOption("--to <target>", "ndjson (stdout), http, or the address of a service", targetOption)
    .option(
      "--rate <n>",
      "swaps a second of event time",
      numberOption(ratePerSecond.min, ratePerSecond.max),
      defaults.ratePerSecond,
    )
    .option("--tokens <n>", "tokens", integerOption(tokens.min, tokens.max), defaults.tokens)
    .option("--traders <n>", "wallets", integerOption(traders.min, traders.max), defaults.traders)
    .option(
      "--zipf <s>",
      "exponent of the distribution of tokens; 0 is uniform",
      numberOption(zipf.min, zipf.max),
      defaults.zipf,
    )
    .option("--duplicates <p>", "share of copies", shareOption, defaults.duplicates)
    .option("--disorder <time>", "how far swaps may lie behind the stream", durationOption, defaults.disorderMs)
    .option("--late <p>", "share of swaps that are minutes to an hour old", shareOption, defaults.late)
    .option("--future <p>", "share of swaps that are minutes to a day ahead", shareOption, defaults.future)
    .option(
      "--removed <p>",
      "share of removals; most of the swaps come back in another block",
      shareOption,
      defaults.removed,
    )
    .option("--seed <n>", "seed", integerOption(seed.min, seed.max), defaults.seed)
    .option("--count <n>", "end after so many records (default: never)", integerOption(1, Number.MAX_SAFE_INTEGER))
    .option(
      "--start <time>",
      "event time of the first swap (default: 2026-01-01 to ndjson, now to a service)",
      timeOption(START_MIN_MS, START_MAX_MS),
    )
    .addOption(urlOption())
    .addHelpText(
      "after",
      `
Examples:
  swapstats generate --to ndjson --count 1000000 | gzip > swaps.ndjson.gz
  swapstats generate --to ndjson --seed 7 --removed 1% --late 0.1% --count 10000
  swapstats generate --to http --url http://127.0.0.1:8080 --rate 5000`,
    )
    .action(async (options: Record<string, unknown>) => {
      const { runGenerate, readGenerateOptions } = await import("./generate.ts");
      await runGenerate(readGenerateOptions(options), output, signal);
    });
};

const addReplay: Add = (program, output, signal) => {
  program
    .command("replay")
    .summary("swaps from files into statistics, or into a service")
    .description(
      "Reads swaps from NDJSON or CSV, plain or gzip (found by content), and prints the final overview of all tokens; with --to it sends them to a service and prints the counters.",
    )
    .argument("<file...>", "files, read one after the other")
    .option("--speed <speed>", "max, or so many times as fast as the swaps happened: 1x, 60x", speedOption, undefined)
    .option("--map <file>", "what the columns of a table mean (docs/replay.md)")
    .option("--to <url>", "address of a service; without it an engine inside this command", serviceUrlOption)
    .addOption(
      new Option(
        "--order <order>",
        "auto sorts by time what is out of order beyond grace; file keeps the order of the file; time always sorts",
      )
        .choices(["auto", "file", "time"])
        .default("auto"),
    )
    .option(
      "--arrival <ms>",
      "arrival of every record (default: the time of reading)",
      timeOption(0, EVENT_TIME_MAX_MS),
    )
    .option("--window <window>", "window of the overview (default: the longest; with json all)")
    .addOption(new Option("--format <format>", "how the result is printed").choices(["table", "json"]).default("table"))
    .addOption(configOption())
    .addHelpText(
      "after",
      `
Examples:
  swapstats replay swaps.ndjson.gz
  swapstats replay trades.csv --map docs/examples/eth-dex-mapping.yaml --format json
  swapstats replay monday.ndjson tuesday.ndjson --window 1h
  swapstats replay swaps.ndjson --to http://127.0.0.1:8080 --speed 60x`,
    )
    .action(async (files: string[], options: Record<string, unknown>) => {
      const [{ runReplay }, { readConfig }] = await Promise.all([
        import("./replay/replay.ts"),
        import("./read-config.ts"),
      ]);
      const command = {
        order: options.order as "auto" | "file" | "time",
        speed: options.speed as number | undefined,
        arrivalMs: options.arrival as number | undefined,
        window: options.window as string | undefined,
        format: options.format as "table" | "json",
        mapPath: options.map as string | undefined,
        to: options.to as string | undefined,
      };
      await runReplay(files, command, readConfig(options.config as string | undefined, output).config, output, signal);
    });
};

const addTop: Add = (program, output, signal) => {
  program
    .command("top")
    .summary("a live table of the busiest tokens")
    .description(
      "Shows the overview of a running service live. Keys on a terminal: arrows choose the column, q ends. Elsewhere it prints lines.",
    )
    .addOption(urlOption())
    .option("--window <window>", "window", "5m")
    .option("--sort <figure>", "figure to sort by", "volume_usd")
    .option("--limit <n>", "rows (default: what fits the terminal)", integerOption(1, 500))
    .addHelpText(
      "after",
      "\nExamples:\n  swapstats top\n  swapstats top --window 1h --sort trades\n  swapstats top --url http://stats.example:8080",
    )
    .action(async (options: { url: string; window: string; sort: string; limit?: number }) => {
      const { runTop } = await import("./live/top.ts");
      await runTop(options, output, signal);
    });
};

const addWatch: Add = (program, output, signal) => {
  program
    .command("watch")
    .summary("the windows of some tokens, live")
    .description("Shows all windows of the named tokens live. A token is an id (1:0xc02a...), an address or a symbol.")
    .argument("<token...>", "tokens")
    .addOption(urlOption())
    .option("--windows <list>", "windows, such as 5m,1h (default: all)")
    .addHelpText("after", "\nExamples:\n  swapstats watch WETH\n  swapstats watch WETH USDC --windows 5m,1h,24h")
    .action(async (tokens: string[], options: { url: string; windows?: string }) => {
      const { runWatch } = await import("./live/watch.ts");
      await runWatch(tokens, options, output, signal);
    });
};

const addConfig: Add = (program, output) => {
  const config = program
    .command("config")
    .summary("check or show the configuration")
    .description("The configuration, as the service would read it.");
  config
    .command("check")
    .description("Validates the configuration file and the environment, and lists all problems.")
    .addOption(configOption())
    .addHelpText("after", "\nExample:\n  swapstats config check --config config.yaml")
    .action(async (options: { config?: string }) => {
      const { readConfig } = await import("./read-config.ts");
      readConfig(options.config, output);
      output.out("The configuration is fine.\n");
    });
  config
    .command("show")
    .description("Prints the effective configuration and where each value comes from; secrets are masked.")
    .addOption(configOption())
    .addOption(new Option("--format <format>", "how it is printed").choices(["yaml", "json"]).default("yaml"))
    .addHelpText("after", "\nExamples:\n  swapstats config show\n  WINDOWS=5m,1h swapstats config show --format json")
    .action(async (options: { config?: string; format: string }) => {
      const [{ readConfig }, { showJson, showYaml }] = await Promise.all([
        import("./read-config.ts"),
        import("../config/show.ts"),
      ]);
      const { settings } = readConfig(options.config, output);
      output.out(options.format === "json" ? showJson(settings) : showYaml(settings));
    });
};

const dataDirOption = (): Option =>
  new Option("--data-dir <folder>", "data folder (default: data_dir of the configuration)");

const addCheckpoint: Add = (program, output) => {
  const checkpoint = program
    .command("checkpoint")
    .summary("look into checkpoints")
    .description("Checkpoints of a data folder.");
  checkpoint
    .command("inspect")
    .description(
      "Says what the checkpoints of a data folder hold, and whether they are sound. Changes nothing; fine beside a running service.",
    )
    .addOption(configOption())
    .addOption(dataDirOption())
    .addOption(new Option("--format <format>", "how it is printed").choices(["text", "json"]).default("text"))
    .addHelpText(
      "after",
      "\nExamples:\n  swapstats checkpoint inspect\n  swapstats checkpoint inspect --data-dir /var/lib/swapstats",
    )
    .action(async (options: InspectOptions) => {
      const { runCheckpointInspect } = await import("./inspect.ts");
      await runCheckpointInspect(options, output);
    });
};

const addLog: Add = (program, output) => {
  const log = program
    .command("log")
    .summary("look into the embedded log")
    .description("The embedded log of a data folder.");
  log
    .command("verify")
    .description(
      "Reads the whole log of a data folder and checks every batch. Changes nothing; fine beside a running service.",
    )
    .addOption(configOption())
    .addOption(dataDirOption())
    .addOption(new Option("--format <format>", "how it is printed").choices(["text", "json"]).default("text"))
    .addHelpText("after", "\nExamples:\n  swapstats log verify\n  swapstats log verify --data-dir /var/lib/swapstats")
    .action(async (options: InspectOptions) => {
      const { runLogVerify } = await import("./inspect.ts");
      await runLogVerify(options, output);
    });
};

export type InspectOptions = { config?: string; dataDir?: string; format: "text" | "json" };

/** `ndjson`, `http`, or the address of a service. */
function targetOption(text: string): string {
  if (text === "ndjson" || text === "http") return text;
  if (text === "kafka") throw new InvalidArgumentError("Kafka is not in this version; use ndjson or http.");
  if (text.includes("://")) return serviceUrlOption(text);
  throw new InvalidArgumentError("Use ndjson, http, or the address of a service.");
}

/** Undefined for `max`. */
function speedOption(text: string): number | undefined {
  if (text === "max") return undefined;
  const match = /^([0-9]+(?:\.[0-9]+)?)x$/.exec(text);
  const factor = Number(match?.[1]);
  if (!(factor > 0 && factor <= 1e6)) throw new InvalidArgumentError("Write max, or a factor such as 1x or 60x.");
  return factor;
}
