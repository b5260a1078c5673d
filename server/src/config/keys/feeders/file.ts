/** Keys of a feeder of type `file`: a file that grows, or files of a folder. */
import { key, required, type Section } from "../../key.ts";
import { choice, duration, HOUR_MS, PATH } from "../kinds.ts";
import { MAPPING } from "./common.ts";

export const FILE_FEEDER = {
  mapping: MAPPING,
  path: required(
    key(
      "path",
      PATH,
      "",
      "File of NDJSON or CSV, a pattern such as `/data/trades-*.ndjson`, or a folder. Several files are read in the order of their names.",
    ),
  ),
  from: key(
    "from",
    choice(["start", "end"]),
    "start",
    "Where the feeder begins when it has no position yet: at the beginning of the first file, or behind the last line of the last file.",
  ),
  pollMs: key(
    "poll",
    duration(10, HOUR_MS),
    "1s",
    "How often the feeder looks for new bytes. Where the system reports changes of files, it looks at once.",
  ),
} satisfies Section;
