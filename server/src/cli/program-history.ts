/** Commands for the history: its store, and the audit of what is served. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { AuditOptions } from "./audit.ts";
import { type Add, configOption, dataDirOption, urlOption } from "./common-options.ts";
import type { ExportOptions } from "./history/export.ts";
import type { HistoryOptions, VerifyOptions } from "./history/history.ts";
import type { ImportOptions } from "./history/import.ts";
import type { RepairOptions } from "./history/repair/repair.ts";
import type { Output } from "./output.ts";
import { caOption, tokenOption } from "./service-access.ts";
import { integerOption, timeOption } from "./values.ts";

/** A smaller time is in seconds. */
const TIME_MIN_MS = 100_000_000_000;
const TIME_MAX_MS = 253_402_300_799_999;
const SAMPLE_MAX = 1_000_000;
const PARTITION_MAX = 2 ** 31 - 1;

export const addAudit: Add = (program, output, signal) => {
  program
    .command("audit")
    .summary("recompute figures of a running service from its swaps")
    .description(
      "Has a running service recompute the figures of tokens from the swaps of its history and memory, by exact arithmetic that shares no code with the engine, and reports each figure that differs. Exit code 1: a figure differs, or none could be compared.",
    )
    .argument("[token...]", "ids, addresses or symbols of tokens")
    .option("--all", "audit all tokens with swaps in the longest window")
    .option("--sample <n>", "with --all: audit this many tokens, chosen at random", integerOption(1, SAMPLE_MAX))
    .option("--window <list>", "windows, such as 5m,1h (default: all that are configured)")
    .option("--at <time>", "figures as of this time (default: now)", timeOption(TIME_MIN_MS, TIME_MAX_MS))
    .option("--json", "print JSON")
    .addOption(urlOption())
    .addOption(tokenOption())
    .addOption(caOption())
    .addHelpText(
      "after",
      `
Examples:
  swapstats audit WETH
  swapstats audit WETH --window 24h --at 2026-01-01T00:00:00Z
  swapstats audit --all --sample 100 --json`,
    )
    .action(async (tokens: string[], options: AuditOptions) => {
      const { runAudit } = await import("./audit.ts");
      await runAudit(tokens, options, output, signal);
    });
};

type Json = HistoryOptions & { readonly json?: true };
const eventTime = timeOption(TIME_MIN_MS, TIME_MAX_MS);

export const addHistory: Add = (program, output, signal) => {
  const history = program
    .command("history")
    .summary("inspect and maintain the history")
    .description("Inspects and maintains the history: the configured store of settled swaps.");
  addHistoryStatus(history, output);
  addHistoryMigrate(history, output);
  addHistoryVerify(history, output, signal);
  addHistoryCompact(history, output, signal);
  addHistoryExport(history, output, signal);
  addHistoryImport(history, output, signal);
  addHistoryRepair(history, output, signal);
};

/** Adds a command of the group, with the options that all have. */
function historyCommand(history: Command, name: string, description: string, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  swapstats history ${name}${example}`).join("\n");
  return history
    .command(name)
    .description(description)
    .option("--json", "print JSON")
    .addOption(configOption())
    .addOption(dataDirOption())
    .addHelpText("after", `\nExamples:\n${lines}`);
}

function addHistoryStatus(history: Command, output: Output): void {
  const description =
    "Shows what the store holds: rows, span, streams, and gaps. It changes nothing and may run beside the service.";
  historyCommand(history, "status", description, ["", " --config config.yaml --json"]).action(async (options: Json) => {
    const { historyStatus, withHistory } = await import("./history/history.ts");
    await withHistory(options, output, (opened) => historyStatus(opened, options, output));
  });
}

function addHistoryMigrate(history: Command, output: Output): void {
  const description =
    "Creates the tables of the store, or brings them up to this version, and says what it did. A service does the same at its start.";
  historyCommand(history, "migrate", description, ["", " --config config.yaml"]).action(async (options: Json) => {
    const { historyMigrate, withHistory } = await import("./history/history.ts");
    await withHistory(options, output, (opened) => historyMigrate(opened, options, output));
  });
}

function addHistoryVerify(history: Command, output: Output, signal: AbortSignal): void {
  const description =
    "Reads all settled rows and checks that streams have no holes, that each swap is there once, and that the sums of minutes, hours and days equal those of their rows. It changes nothing and may run beside the service.";
  historyCommand(history, "verify", description, ["", " --from 2026-01-01 --to 2026-02-01"])
    .option("--from <time>", "verify from this time on (default: the oldest row)", eventTime)
    .option("--to <time>", "verify up to this time (default: the newest final row)", eventTime)
    .action(async (options: HistoryOptions & VerifyOptions) => {
      const { historyVerify, withHistory } = await import("./history/history.ts");
      await withHistory(options, output, (opened) => historyVerify(opened, options, output, signal));
    });
}

function addHistoryCompact(history: Command, output: Output, signal: AbortSignal): void {
  const description =
    "Merges small files, drops rows that are superseded or beyond the retention, moves old ones to the second tier, and says what it did. The service does the same by itself.";
  historyCommand(history, "compact", description, ["", " --config config.yaml"]).action(async (options: Json) => {
    const { historyCompact, withHistory } = await import("./history/history.ts");
    await withHistory(options, output, (opened) => historyCompact(opened, options, output, signal));
  });
}

function addHistoryExport(history: Command, output: Output, signal: AbortSignal): void {
  history
    .command("export")
    .summary("write settled swaps into a file")
    .description(
      "Writes the settled swaps of a span in order of time, as NDJSON, CSV or Parquet with the fields of a swap event. replay and history import read such files. A file appears when it is complete. It changes nothing and may run beside the service; swaps that are not settled yet are not in it.",
    )
    .option("--from <time>", "from this time on (default: the oldest swap)", eventTime)
    .option("--to <time>", "up to this time, which is left out (default: the newest swap)", eventTime)
    .option("--token <token>", "only this token: its id (1:0xc02a...), address or symbol")
    .addOption(
      new Option("--format <format>", "form of the file").choices(["parquet", "csv", "ndjson"]).default("ndjson"),
    )
    .option("--out <file>", "file to write; - is standard output, not for parquet", "-")
    .addOption(configOption())
    .addOption(dataDirOption())
    .addHelpText(
      "after",
      `
Examples:
  swapstats history export --from 2026-01-01 --to 2026-02-01 --format parquet --out january.parquet
  swapstats history export --token WETH --format csv --out weth.csv
  swapstats history export --from 2026-01-31T12:00:00Z | gzip > swaps.ndjson.gz`,
    )
    .action(async (options: HistoryOptions & ExportOptions) => {
      const [{ withHistory }, { historyExport }] = await Promise.all([
        import("./history/history.ts"),
        import("./history/export.ts"),
      ]);
      await withHistory(options, output, (opened) => historyExport(opened, options, output, signal));
    });
}

function addHistoryImport(history: Command, output: Output, signal: AbortSignal): void {
  history
    .command("import")
    .summary("bring swaps of files into the history")
    .description(
      "Reads what replay reads, also exported files, and writes the swaps into the history as a stream of their own. The same import again changes nothing, and goes on where one was interrupted. Times that the history covers already are refused. With the embedded store the service must be stopped; with servers it may run.",
    )
    .argument(
      "<file...>",
      "files, read one after the other; - is standard input; a data folder of a stopped service is read as its log",
    )
    .option("--map <file>", "mapping of the records to swaps (docs/mapping.md)")
    .option("--name <name>", "name of the stream (default: the name of the first file)", streamNameOption)
    .option("--overlap", "import swaps of times that the history covers already: they count in addition")
    .addOption(configOption())
    .addOption(dataDirOption())
    .addHelpText(
      "after",
      `
Examples:
  swapstats history import 2025.parquet
  swapstats history import trades.csv --map mapping.yaml --name old-indexer
  xz -dc swaps.ndjson.xz | swapstats history import -`,
    )
    .action(async (files: string[], options: HistoryOptions & ImportOptions) => {
      const [{ withHistory }, { historyImport }, { readConfig }] = await Promise.all([
        import("./history/history.ts"),
        import("./history/import.ts"),
        import("./read-config.ts"),
      ]);
      const { config } = readConfig(options.config, output);
      await withHistory(options, output, (opened) => historyImport(opened, files, options, config, output, signal));
    });
}

function addHistoryRepair(history: Command, output: Output, signal: AbortSignal): void {
  const description =
    "Fills gaps of the history from the log, as far as the log reaches, and says for each gap what it did. Nothing is written unless the log gives exactly the swaps that are missing. Run it again after an interruption. With the embedded store the service must be stopped; with servers it may run. A second repair of the same history is refused while one runs. Exit code 1: a gap stays.";
  historyCommand(history, "repair", description, [" --dry-run", " --from 2026-01-01 --to 2026-02-01 --partition 3"])
    .option("--from <time>", "only gaps that end after this time", eventTime)
    .option("--to <time>", "only gaps that begin before this time", eventTime)
    .option("--partition <n>", "only gaps of this partition", integerOption(0, PARTITION_MAX))
    .option("--dry-run", "read the log and say what can be filled, and change nothing")
    .action(async (options: HistoryOptions & RepairOptions) => {
      const [{ withHistory }, { historyRepair }, { settledSource }] = await Promise.all([
        import("./history/history.ts"),
        import("./history/repair/repair.ts"),
        import("./history/repair/settled-source.ts"),
      ]);
      const source = settledSource(options, output);
      await withHistory(options, output, (opened) => historyRepair(opened, options, source, output, signal));
    });
}

function streamNameOption(text: string): string {
  if (/^[A-Za-z0-9._-]{1,80}$/.test(text)) return text;
  throw new InvalidArgumentError("Write 1 to 80 letters, digits and . _ -");
}
