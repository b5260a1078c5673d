/** Commands for a running service, its configuration, its stores and its topics. */
import { Option } from "commander";
import { printableJson } from "../shared/printable-text.ts";
import { type Add, configOption, dataDirOption, urlOption } from "./common-options.ts";
import type { DataDirOptions, InspectOptions } from "./inspect.ts";
import { integerOption } from "./values.ts";

export const addTop: Add = (program, output, signal) => {
  program
    .command("top")
    .summary("show a live table of the busiest tokens")
    .description(
      "Shows the overview of a running service live. On a terminal, the arrow keys choose the column and q quits. Without a terminal, it prints lines.",
    )
    .addOption(urlOption())
    .option("--window <window>", "window of the figures", "5m")
    .option("--sort <figure>", "figure to sort by", "volume_usd")
    .option("--limit <n>", "number of rows (default: as many as fit the terminal)", integerOption(1, 500))
    .addHelpText(
      "after",
      "\nExamples:\n  swapstats top\n  swapstats top --window 1h --sort trades\n  swapstats top --url http://stats.example:8080",
    )
    .action(async (options: { url: string; window: string; sort: string; limit?: number }) => {
      const { runTop } = await import("./live/top.ts");
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
    .option("--windows <list>", "windows, such as 5m,1h (default: all)")
    .addHelpText("after", "\nExamples:\n  swapstats watch WETH\n  swapstats watch WETH USDC --windows 5m,1h,24h")
    .action(async (tokens: string[], options: { url: string; windows?: string }) => {
      const { runWatch } = await import("./live/watch.ts");
      await runWatch(tokens, options, output, signal);
    });
};

export const addConfig: Add = (program, output) => {
  const config = program
    .command("config")
    .summary("check, show or create a configuration")
    .description("Checks, shows or creates a configuration of the service.");
  config
    .command("check")
    .description("Checks the configuration file and the environment, and lists all problems.")
    .addOption(configOption())
    .addHelpText("after", "\nExample:\n  swapstats config check --config config.yaml")
    .action(async (options: { config?: string }) => {
      const { readConfig } = await import("./read-config.ts");
      const { warnings } = readConfig(options.config, output);
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
