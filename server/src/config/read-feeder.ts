/** Reads the settings of one feeder from the options of a command, as an entry of `ingest.feeders` would have them. */
import { SwapstatsError } from "../shared/errors.ts";
import type { FeederConfig } from "./build/ingest.ts";
import { valuesOf } from "./key.ts";
import { FEEDERS } from "./keys/feeders.ts";
import { readEntries } from "./read-entries.ts";
import { readSetting } from "./read-settings.ts";
import type { ConfigProblem, RawSetting } from "./settings.ts";

const HEAD = `${FEEDERS.list.path}[0].`;

/** `given` has the keys of an entry with their texts; secrets are references. Throws `usage` with all problems. */
export function readFeeder(
  given: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string | undefined>>,
): FeederConfig {
  const problems: ConfigProblem[] = [];
  // As from a file: other users of the machine see the command line, so it must not hold a secret itself.
  const raws = Object.entries(given).map(
    ([name, raw]): RawSetting => ({ path: `${HEAD}${name}`, raw, origin: "file", where: "" }),
  );
  const settings = readEntries(
    raws,
    FEEDERS,
    (path, spec, raw) => readSetting(path, spec, raw, env, problems),
    problems,
  );
  if (problems.length > 0) {
    const lines = problems.map(({ path, message }) => `  ${path.slice(HEAD.length)}: ${message}`);
    throw new SwapstatsError("usage", `the settings of the feeder cannot be used:\n${lines.join("\n")}`);
  }
  const [feeder] = valuesOf({ feeders: FEEDERS }, settings).feeders;
  return feeder!;
}
