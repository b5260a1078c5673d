/** All commands with their options and help. The code of a command is imported when it runs, so help is quick. */
import { Command, type CommanderError, InvalidArgumentError, Option } from "commander";
import type { Config } from "../config/config.ts";
import { formatDurationMs } from "../config/units.ts";
import { GENERATOR_DEFAULTS, GENERATOR_LIMITS, START_MAX_MS, START_MIN_MS } from "../generator/options.ts";
import { maskSecrets } from "../shared/mask-secrets.ts";
import { didYouMean } from "../shared/nearest.ts";
import { type Add, configOption, dataDirOption, portOption, urlOption } from "./common-options.ts";
import type { Output } from "./output.ts";
import { addKey, addToken } from "./program-access.ts";
import { addFeed } from "./program-feed.ts";
import { addAudit, addHistory } from "./program-history.ts";
import {
  addBackup,
  addCheckpoint,
  addConfig,
  addLog,
  addMapping,
  addMcp,
  addTop,
  addTopic,
  addWatch,
} from "./program-tools.ts";
import type { ServeOptions } from "./serve.ts";
import { caOption, tokenOption } from "./service-access.ts";
import { durationOption, integerOption, numberOption, serviceUrlOption, shareOption, timeOption } from "./values.ts";
import { VERSION } from "./version.ts";

const EVENT_TIME_MAX_MS = 253_402_300_799_999;
/** A smaller arrival is in seconds, and would quarantine every swap. */
const ARRIVAL_MIN_MS = 100_000_000_000;

export function makeProgram(output: Output, signal: AbortSignal): Command {
  const program = new Command("swapstats");
  program
    .description("Live, exact statistics per token from a stream of swaps.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand(false)
    .showHelpAfterError("(swapstats help shows all commands)")
    .configureOutput({ writeOut: output.out, writeErr: (text) => output.err(maskSecrets(text)) })
    .exitOverride((error: CommanderError) => {
      throw error;
    })
    .addHelpText(
      "after",
      `
Examples:
  swapstats demo                          run the service with synthetic swaps
  swapstats serve --config config.yaml    run the service
  swapstats replay day.ndjson.gz          print the statistics of a file
  swapstats top                           show a live table of a running service

Exit codes: 0 success, 1 failure, 2 wrong usage. See docs/command-line.md.`,
    );
  for (const add of [
    addServe,
    addDemo,
    addGenerate,
    addReplay,
    addMapping,
    addFeed,
    addTop,
    addWatch,
    addMcp,
    addAudit,
    addHistory,
    addConfig,
    addCheckpoint,
    addLog,
    addBackup,
    addKey,
    addToken,
    addTopic,
  ]) {
    add(program, output, signal);
  }
  addHelp(program);
  return program;
}

/** Commander's own `help` knows one level only: it shows the group for `help config check`. */
function addHelp(program: Command): void {
  program
    .command("help")
    .summary("show the help of a command")
    .description("Shows the help of a command, or lists all commands.")
    .addHelpText("after", "\nExamples:\n  swapstats help\n  swapstats help config check")
    .argument("[command...]", "command and sub-command")
    .action((names: string[]) => {
      let command = program;
      for (const [depth, name] of names.entries()) {
        const found = command.commands.find((sub) => sub.name() === name || sub.aliases().includes(name));
        if (found === undefined) {
          const known = command.commands.map((sub) => sub.name());
          const group = ["swapstats", ...names.slice(0, depth)].join(" ");
          const hint = known.length === 0 ? "it has no sub-commands" : `there are ${known.join(", ")}`;
          program.error(`error: ${group} has no command '${name}'${didYouMean(name, known)}; ${hint}`);
        }
        command = found;
      }
      command.help();
    });
}

const addServe: Add = (program, output, signal) => {
  program
    .command("serve")
    .summary("run the service")
    .description(
      "Runs the service. Without a configuration file, everything is embedded, data is in ./data, and the API listens on 127.0.0.1:8080.",
    )
    .addOption(configOption())
    .addOption(portOption())
    .addOption(dataDirOption())
    .addHelpText(
      "after",
      `
Examples:
  swapstats serve
  swapstats serve --port 9000 --data-dir /var/lib/swapstats
  swapstats serve --config config.yaml
  SWAPSTATS_API_HTTP_ADDR=0.0.0.0:8080 WINDOWS=5m,1h,24h swapstats serve`,
    )
    .action(async (options: ServeOptions) => {
      const { runServe } = await import("./serve.ts");
      await runServe(options, output, signal);
    });
};

const addDemo: Add = (program, output, signal) => {
  const { min, max } = GENERATOR_LIMITS.ratePerSecond;
  program
    .command("demo")
    .summary("run the service with synthetic swaps")
    .description(
      "Runs the service with the built-in generator as its source, and prints the addresses to open. Data is in ./demo-data, unless the configuration or --data-dir says otherwise. The next start continues with this data.",
    )
    .option("--rate <n>", "swaps per second", numberOption(min, Math.min(max, 1_000_000)), 1_000)
    .addOption(configOption())
    .addOption(portOption())
    .addOption(dataDirOption())
    .addHelpText("after", "\nExamples:\n  swapstats demo\n  swapstats demo --rate 20000 --port 9000")
    .action(async (options: ServeOptions & { rate: number }) => {
      const { runDemo } = await import("./serve.ts");
      await runDemo(options.rate, options, output, signal);
    });
};

const addGenerate: Add = (program, output, signal) => {
  const defaults = GENERATOR_DEFAULTS;
  const { ratePerSecond, tokens, traders, zipf, seed } = GENERATOR_LIMITS;
  program
    .command("generate")
    .summary("generate synthetic swaps")
    .description(
      "Generates synthetic swaps from a seed. The same seed, start and options give the same bytes. With ndjson, swaps are written to stdout as fast as the reader accepts them. To a service or a topic they are sent at their rate.",
    )
    .requiredOption(
      "--to <target>",
      "ndjson (stdout), http (--url), the address of a service, kafka (as configured), or kafka://HOST:PORT/TOPIC",
      targetOption,
    )
    .option(
      "--rate <n>",
      "swaps per second of event time",
      numberOption(ratePerSecond.min, ratePerSecond.max),
      defaults.ratePerSecond,
    )
    .option("--tokens <n>", "number of tokens", integerOption(tokens.min, tokens.max), defaults.tokens)
    .option("--traders <n>", "number of wallets", integerOption(traders.min, traders.max), defaults.traders)
    .option(
      "--zipf <s>",
      "exponent of the distribution of tokens; 0 is uniform",
      numberOption(zipf.min, zipf.max),
      defaults.zipf,
    )
    .option("--duplicates <p>", "share of copies", shareOption, defaults.duplicates)
    .addOption(
      new Option("--disorder <time>", "how far swaps may lie behind the stream")
        .argParser(durationOption)
        .default(defaults.disorderMs, formatDurationMs(defaults.disorderMs)),
    )
    .option("--late <p>", "share of swaps that are minutes to an hour old", shareOption, defaults.late)
    .option("--future <p>", "share of swaps that are minutes to a day ahead", shareOption, defaults.future)
    .option(
      "--removed <p>",
      "share of removals; most of these swaps return in another block",
      shareOption,
      defaults.removed,
    )
    .option("--seed <n>", "seed", integerOption(seed.min, seed.max), defaults.seed)
    .option("--count <n>", "number of records (default: no end)", integerOption(1, Number.MAX_SAFE_INTEGER))
    .option(
      "--start <time>",
      "event time of the first swap (default: 2026-01-01 with ndjson, otherwise now)",
      timeOption(START_MIN_MS, START_MAX_MS),
    )
    .addOption(urlOption())
    .addOption(tokenOption())
    .addOption(caOption())
    .addOption(configOption())
    .addHelpText(
      "after",
      `
Examples:
  swapstats generate --to ndjson --count 1000000 | gzip > swaps.ndjson.gz
  swapstats generate --to ndjson --seed 7 --removed 1% --late 0.1% --count 10000
  swapstats generate --to http --url http://127.0.0.1:8080 --rate 5000
  swapstats generate --to kafka://127.0.0.1:9092/raw-swaps --rate 1000`,
    )
    .action(async (options: Record<string, unknown>) => {
      const [{ runGenerate, readGenerateOptions }, { readConfig }] = await Promise.all([
        import("./generate.ts"),
        import("./read-config.ts"),
      ]);
      const command = readGenerateOptions(options);
      const config = (): Config => readConfig(options.config as string | undefined, output).config;
      await runGenerate(command, config, output, signal);
    });
};

const addReplay: Add = (program, output, signal) => {
  program
    .command("replay")
    .summary("compute statistics from files, or send them on")
    .description(
      "Reads swaps from files of NDJSON, JSON arrays, CSV or Parquet, plain or compressed with gzip or zstd (recognised by content), and prints the final overview of all tokens. With --to it sends the swaps to a service and prints the counters, or writes them to a Kafka topic. With --into it fills the log of a data folder of a stopped service.",
    )
    .argument(
      "[file...]",
      "files, read one after the other; - is standard input; a data folder of a stopped service is read as its log",
    )
    .option("--history", "replay the settled swaps of the configured history instead of files")
    .option("--from <time>", "with --history: from this time on", timeOption(ARRIVAL_MIN_MS, EVENT_TIME_MAX_MS))
    .option(
      "--until <time>",
      "with --history: up to this time, which is left out",
      timeOption(ARRIVAL_MIN_MS, EVENT_TIME_MAX_MS),
    )
    .option("--only <token>", "with --history: this token alone, by id, address or symbol")
    .option(
      "--speed <speed>",
      "max, or a multiple of the speed at which the swaps happened: 1x, 60x (default: max)",
      speedOption,
      undefined,
    )
    .option("--map <file>", "mapping of the records to swaps (docs/mapping.md)")
    .option(
      "--to <target>",
      "address of a service, kafka (as configured), or kafka://HOST:PORT/TOPIC (default: an engine inside this command)",
      replayTargetOption,
    )
    .option("--into <data-dir>", "fill the log of a new or empty data folder of a stopped service")
    .option("--whole", "with --into: no swap between the first one and now is missing, so windows are complete")
    .option("--strict", "exit code 1 if any record is a dead letter")
    .option("--dead-letters <file>", "write all dead letters to this file, as NDJSON with file, row, field and value")
    .addOption(
      new Option(
        "--order <order>",
        "auto sorts by time if a swap is out of order by more than grace; file keeps the order of the files; time always sorts",
      )
        .choices(["auto", "file", "time"])
        .default("auto"),
    )
    .option(
      "--arrival <ms>",
      "arrival of every record (default: the time of reading)",
      timeOption(ARRIVAL_MIN_MS, EVENT_TIME_MAX_MS),
    )
    .option("--window <window>", "window of the overview (default: the longest; with json: all)")
    .addOption(new Option("--format <format>", "format of the result").choices(["table", "json"]).default("table"))
    .addOption(tokenOption())
    .addOption(caOption())
    .addOption(configOption())
    .addHelpText(
      "after",
      `
Examples:
  swapstats replay swaps.ndjson.gz
  swapstats replay trades.csv --map mapping.yaml --format json
  swapstats replay monday.ndjson tuesday.ndjson --window 1h
  swapstats replay swaps.ndjson --to http://127.0.0.1:8080 --speed 60x
  swapstats replay swaps.ndjson --to kafka://127.0.0.1:9092/raw-swaps
  swapstats replay yesterday.parquet --map mapping.yaml --into data --whole
  xz -dc swaps.ndjson.xz | swapstats replay -
  swapstats replay --history --from 2026-01-01 --until 2026-01-02 --window 1h
  swapstats replay --history --from 2026-01-01T12:00:00Z --to http://127.0.0.1:8080 --speed 60x`,
    )
    .action((files: string[], options: Record<string, unknown>) => replay(files, options, output, signal));
};

async function replay(
  files: string[],
  options: Record<string, unknown>,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const [{ runReplay }, { readConfig }] = await Promise.all([import("./replay/replay.ts"), import("./read-config.ts")]);
  const command = {
    order: options.order as "auto" | "file" | "time",
    speed: options.speed as number | undefined,
    arrivalMs: options.arrival as number | undefined,
    window: options.window as string | undefined,
    format: options.format as "table" | "json",
    mapPath: options.map as string | undefined,
    to: options.to as string | undefined,
    into: options.into as string | undefined,
    isWhole: options.whole === true,
    deadLetterPath: options.deadLetters as string | undefined,
    isStrict: options.strict === true,
    token: options.token as string | undefined,
    span: { fromMs: options.from as number | undefined, toMs: options.until as number | undefined },
    only: options.only as string | undefined,
  };
  const { config } = readConfig(options.config as string | undefined, output);
  if (options.history !== true) return runReplay(files, command, config, output, signal);
  const [{ withHistory }, { batchesOf }] = await Promise.all([
    import("./history/history.ts"),
    import("./history/swap-batches.ts"),
  ]);
  await withHistory(options, output, ({ store }) =>
    runReplay(files, command, config, output, signal, undefined, () => batchesOf(store, command, signal)),
  );
}

/** Accepts `ndjson`, `http`, and what `replayTargetOption` accepts. */
function targetOption(text: string): string {
  if (text === "ndjson" || text === "http") return text;
  if (text === "kafka" || text.includes("://")) return replayTargetOption(text);
  throw new InvalidArgumentError("Use ndjson, http, kafka, kafka://HOST:PORT/TOPIC, or the address of a service.");
}

/** Accepts `kafka`, a topic, or the address of a service. */
function replayTargetOption(text: string): string {
  if (text === "kafka") return text;
  if (!text.startsWith("kafka:")) return serviceUrlOption(text);
  if (/^kafka:\/\/[^/\s@]+\/[A-Za-z0-9._-]+$/.test(text)) return text;
  throw new InvalidArgumentError("Write kafka://HOST:PORT/TOPIC, with more brokers as HOST:PORT,HOST:PORT.");
}

/** Returns undefined for `max`. */
function speedOption(text: string): number | undefined {
  if (text === "max") return undefined;
  const match = /^([0-9]+(?:\.[0-9]+)?)x$/.exec(text);
  const factor = Number(match?.[1]);
  if (!(factor > 0 && factor <= 1e6)) throw new InvalidArgumentError("Write max, or a factor such as 1x or 60x.");
  return factor;
}
