/** The command `feed` with its options. */
import { InvalidArgumentError } from "commander";
import { type Add, configOption } from "./common-options.ts";
import { caOption, tokenOption } from "./service-access.ts";

export const addFeed: Add = (program, output, signal) => {
  program
    .command("feed")
    .summary("bring swaps from a file, a table or a chain into a service or a topic")
    .description(
      "Reads an origin from its kept position, maps its records to swaps, and brings them to a service, to a Kafka topic, or into the log of a stopped service. It follows the origin until a signal ends it. After a start it continues where it was. docs/feeders.md describes the types and their keys.",
    )
    .requiredOption("--from <type>", "type of the origin, such as file or postgres")
    .requiredOption(
      "--to <target>",
      "address of a service (http://HOST:PORT), kafka (as configured), kafka://HOST:PORT/TOPIC, or the data folder of a stopped service",
    )
    .option("--name <name>", "name under which the position is kept (default: the type)")
    .option("--set <key=value>", "key of the type; may be repeated. Secrets are file:PATH or env:NAME", setOption, {})
    .option("--map <file>", "file that maps the records to swaps (docs/mapping.md)")
    .option(
      "--state <folder>",
      "folder of the position (default: ./feeder-state/NAME; with a data folder as target: feeders in it)",
    )
    .option("--once", "end at the end that the origin has now")
    .option("--dead-letters <file>", "add all rejected records to this file, as NDJSON")
    .addOption(tokenOption())
    .addOption(caOption())
    .addOption(configOption())
    .addHelpText(
      "after",
      `
Examples:
  swapstats feed --from file --set path=trades.ndjson --to http://127.0.0.1:8080
  swapstats feed --from file --set path='/data/trades-*.csv' --map mapping.yaml --to kafka://127.0.0.1:9092/raw-swaps
  swapstats feed --from file --set path=trades.ndjson.gz --once --to ./data
  swapstats feed --from postgres --set url=env:DATABASE_URL --set table=trades --map mapping.yaml --to kafka`,
    )
    .action(async (options: Record<string, unknown>) => {
      const [{ runFeed }, { readConfig }] = await Promise.all([import("./feed/feed.ts"), import("./read-config.ts")]);
      const command = {
        type: options.from as string,
        name: (options.name as string | undefined) ?? (options.from as string).replaceAll("_", "-"),
        mapPath: options.map as string | undefined,
        settings: options.set as Record<string, string>,
        to: options.to as string,
        state: options.state as string | undefined,
        isOnce: options.once === true,
        token: options.token as string | undefined,
        deadLetterPath: options.deadLetters as string | undefined,
      };
      await runFeed(command, readConfig(options.config as string | undefined, output).config, output, signal);
    });
};

function setOption(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Write KEY=VALUE, such as path=trades.ndjson.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
