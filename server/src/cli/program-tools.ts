/** Commands for a running service, its configuration, its stores and its topics. */
import { Option } from "commander";
import { SwapstatsError } from "../shared/errors.ts";
import { printableJson } from "../shared/printable-text.ts";
import { type Add, configOption, dataDirOption, urlOption } from "./common-options.ts";
import type { DataDirOptions, InspectOptions } from "./inspect.ts";
import type { TopOptions } from "./live/top.ts";
import type { WatchOptions } from "./live/watch.ts";
import type { McpOptions } from "./mcp.ts";
import { caOption, tokenOption } from "./service-access.ts";
import { integerOption } from "./values.ts";

const MAPPING_TEST_ROWS_MAX = 100_000;

export const addTop: Add = (program, output, signal) => {
  program
    .command("top")
    .summary("show a live table of the busiest tokens")
    .description(
      "Shows the overview of a running service live. On a terminal, the arrow keys choose the column and q quits. Without a terminal, it prints lines.",
    )
    .addOption(urlOption())
    .addOption(tokenOption())
    .addOption(caOption())
    .option("--window <window>", "window of the figures", "5m")
    .option("--sort <figure>", "figure to sort by", "volume_usd")
    .option("--limit <n>", "number of rows (default: as many as fit the terminal)", integerOption(1, 500))
    .addHelpText(
      "after",
      "\nExamples:\n  swapstats top\n  swapstats top --window 1h --sort trades\n  swapstats top --url http://stats.example:8080",
    )
    .action(async (options: TopOptions) => {
      const { runTop } = await import("./live/top.ts").catch(notBuilt);
      await runTop(options, output, signal);
    });
};

export const addWatch: Add = (program, output, signal) => {
  program
    .command("watch")
    .summary("show the windows of some tokens live")
    .description("Shows all windows of the given tokens live. A token is an id (1:0xc02a...), an address or a symbol.")
    .argument("<token...>", "ids, addresses or symbols of tokens")
    .addOption(urlOption())
    .addOption(tokenOption())
    .addOption(caOption())
    .option("--windows <list>", "windows, such as 5m,1h (default: all)")
    .addHelpText("after", "\nExamples:\n  swapstats watch WETH\n  swapstats watch WETH USDC --windows 5m,1h,24h")
    .action(async (tokens: string[], options: WatchOptions) => {
      const { runWatch } = await import("./live/watch.ts").catch(notBuilt);
      await runWatch(tokens, options, output, signal);
    });
};

/** Live views use the client of `sdk/`, which `npm ci` builds unless scripts are off. */
function notBuilt(error: NodeJS.ErrnoException): never {
  if (error.code !== "ERR_MODULE_NOT_FOUND" || !error.message.includes("@swapstats/client")) throw error;
  throw new SwapstatsError("unavailable", "The client in sdk/dist is not built. Run `npm run build` once, then again.");
}

export const addConfig: Add = (program, output) => {
  const config = program
    .command("config")
    .summary("check, show or create a configuration")
    .description("Checks, shows or creates a configuration of the service.");
  config
    .command("check")
    .description(
      "Checks the configuration file, the environment and the mappings that they name, and lists all problems.",
    )
    .addOption(configOption())
    .addHelpText("after", "\nExample:\n  swapstats config check --config config.yaml")
    .action(async (options: { config?: string }) => {
      const [{ readConfig }, { checkSource }] = await Promise.all([
        import("./read-config.ts"),
        import("../sources/open-source.ts"),
      ]);
      const { config, warnings } = readConfig(options.config, output);
      checkSource(config);
      for (const warning of warnings) output.out(`warning: ${warning}\n`);
      output.out("The configuration is fine.\n");
    });
  config
    .command("init")
    .description("Writes a configuration file with every key, its default and its meaning, all commented out.")
    .argument("[file]", "file to write; - prints it", "config.yaml")
    .option("--force", "replace an existing file")
    .addHelpText("after", "\nExamples:\n  swapstats config init\n  swapstats config init /etc/swapstats/config.yaml")
    .action(async (file: string, options: { force?: true }) => {
      const { runConfigInit } = await import("./config-init.ts");
      runConfigInit(file, options.force === true, output);
    });
  config
    .command("show")
    .description("Prints the effective configuration, and where each value comes from. Secrets are masked.")
    .addOption(configOption())
    .addOption(new Option("--format <format>", "format of the output").choices(["yaml", "json"]).default("yaml"))
    .addHelpText("after", "\nExamples:\n  swapstats config show\n  WINDOWS=5m,1h swapstats config show --format json")
    .action(async (options: { config?: string; format: string }) => {
      const [{ readConfig }, { showJson, showYaml }] = await Promise.all([
        import("./read-config.ts"),
        import("../config/show.ts"),
      ]);
      const { settings } = readConfig(options.config, output);
      output.out(options.format === "json" ? printableJson(showJson(settings)) : showYaml(settings));
    });
};

export const addCheckpoint: Add = (program, output) => {
  const checkpoint = program
    .command("checkpoint")
    .summary("inspect checkpoints")
    .description("Inspects the checkpoints of a data folder, or of the configured store.");
  checkpoint
    .command("inspect")
    .description(
      "Describes the checkpoints of a data folder, or of the configured store (Redis, S3, Kafka), and checks them. It changes nothing and may run beside the service.",
    )
    .addOption(configOption())
    .addOption(dataDirOption())
    .addOption(new Option("--format <format>", "format of the output").choices(["text", "json"]).default("text"))
    .addHelpText(
      "after",
      "\nExamples:\n  swapstats checkpoint inspect\n  swapstats checkpoint inspect --data-dir /var/lib/swapstats",
    )
    .action(async (options: InspectOptions) => {
      const { runCheckpointInspect } = await import("./inspect.ts");
      await runCheckpointInspect(options, output);
    });
};

export const addLog: Add = (program, output) => {
  const log = program
    .command("log")
    .summary("verify the embedded log")
    .description("Verifies the embedded log of a data folder.");
  log
    .command("verify")
    .description(
      "Reads the whole log of a data folder and checks every batch. It changes nothing and may run beside the service.",
    )
    .addOption(configOption())
    .addOption(dataDirOption())
    .addOption(new Option("--format <format>", "format of the output").choices(["text", "json"]).default("text"))
    .addHelpText("after", "\nExamples:\n  swapstats log verify\n  swapstats log verify --data-dir /var/lib/swapstats")
    .action(async (options: InspectOptions) => {
      const { runLogVerify } = await import("./inspect.ts");
      await runLogVerify(options, output);
    });
};

export const addBackup: Add = (program, output) => {
  program
    .command("backup")
    .summary("copy a data folder")
    .description(
      "Copies the data folder of a running or stopped service, and checks every file of the copy. A service starts from the copy as from the original.",
    )
    .argument("<folder>", "folder for the copy; it must not exist, or be empty")
    .addOption(configOption())
    .addOption(dataDirOption())
    .addHelpText(
      "after",
      "\nExamples:\n  swapstats backup /backups/monday\n  swapstats backup /backups/monday --data-dir /var/lib/swapstats",
    )
    .action(async (target: string, options: DataDirOptions) => {
      const { runBackup } = await import("./inspect.ts");
      await runBackup(target, options, output);
    });
};

export const addMcp: Add = (program, _output, signal) => {
  program
    .command("mcp")
    .summary("give an agent tools over standard input and output")
    .description(
      "Speaks the Model Context Protocol over standard input and output, for agents that start their tools as programs. The tools read statistics, rankings, candles, swaps and the status of a running service.",
    )
    .addOption(urlOption())
    .addOption(tokenOption())
    .addOption(caOption())
    .addHelpText("after", "\nExamples:\n  swapstats mcp\n  swapstats mcp --url http://stats.example:8080")
    .action(async (options: McpOptions) => {
      const { runMcp } = await import("./mcp.ts");
      await runMcp(options, signal);
    });
};

export const addTopic: Add = (program, output) => {
  const topic = program
    .command("topic")
    .summary("create or correct the Kafka topics")
    .description(
      "Creates or corrects the Kafka topics of swaps, of dead letters, and of checkpoints if they are kept in Kafka.",
    );
  topic
    .command("ensure")
    .description(
      "Creates the configured topics, or corrects their settings, and says what it changed. A compacted topic of swaps is refused.",
    )
    .option("--add-partitions", "add missing partitions; most tokens then move to another partition")
    .addOption(configOption())
    .addHelpText(
      "after",
      "\nExamples:\n  swapstats topic ensure --config config.yaml\n  SWAPSTATS_INGEST_BROKERS=127.0.0.1:9092 swapstats topic ensure",
    )
    .action(async (options: { config?: string; addPartitions?: true }) => {
      const [{ runTopicEnsure }, { readConfig }] = await Promise.all([
        import("./topic.ts"),
        import("./read-config.ts"),
      ]);
      await runTopicEnsure(readConfig(options.config, output).config, options.addPartitions === true, output);
    });
};

type MappingTestOptions = {
  readonly map: string;
  readonly rows: number;
  readonly strict?: true;
  readonly format: "text" | "json";
  readonly config?: string;
};

export const addMapping: Add = (program, output, signal) => {
  const mapping = program
    .command("mapping")
    .summary("test a mapping, or propose one")
    .description(
      "Tests a mapping of a producer's records to swaps on a file of them, or proposes a mapping for the file.",
    );
  mapping
    .command("test")
    .description(
      "Shows what a mapping makes of the first records of a file: the swaps, the skipped ones, and the refused ones with field, value and place in the mapping.",
    )
    .argument(
      "<file>",
      "file of records, of any kind that replay reads, or with format avro, protobuf, json_schema or msgpack one message; - is standard input",
    )
    .requiredOption("--map <file>", "mapping (docs/mapping.md)")
    .option("--rows <n>", "number of records", integerOption(1, MAPPING_TEST_ROWS_MAX), 10)
    .option("--strict", "exit code 1 if any record is refused")
    .addOption(new Option("--format <format>", "format of the output").choices(["text", "json"]).default("text"))
    .addOption(configOption())
    .addHelpText(
      "after",
      "\nExamples:\n  swapstats mapping test --map mapping.yaml trades.json\n  kcat -C -t trades -c 50 -e | swapstats mapping test --map mapping.yaml --rows 50 -\n  kcat -C -t trades -c 1 -e -D '' | swapstats mapping test --map avro.yaml --config config.yaml -",
    )
    .action(async (file: string, options: MappingTestOptions) => {
      const [{ runMappingTest }, { readConfig }] = await Promise.all([
        import("./mapping/mapping-test.ts"),
        import("./read-config.ts"),
      ]);
      const { map, rows, strict, format, config } = options;
      const { registry } = readConfig(config, output).config.ingest;
      await runMappingTest(file, { mapPath: map, rows, format, isStrict: strict === true, registry }, output, signal);
    });
  mapping
    .command("guess")
    .description(
      "Proposes a mapping for a file, by the names and values of its first records, and prints it as YAML. Comments say where the guess is unsure, and what is missing.",
    )
    .argument("<file>", "file of records, of any kind that replay reads; - is standard input")
    .addHelpText(
      "after",
      "\nExamples:\n  swapstats mapping guess trades.csv > mapping.yaml\n  swapstats mapping test --map mapping.yaml trades.csv",
    )
    .action(async (file: string) => {
      const { runMappingGuess } = await import("./mapping/mapping-guess.ts");
      await runMappingGuess(file, output);
    });
};
