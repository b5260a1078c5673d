/** Keys that feeders of several types have. */
import { key, required } from "../../key.ts";
import { PATH, text } from "../kinds.ts";

export const NAME = required(
  key(
    "name",
    text(64, /^[a-z0-9-]+$/, "lower-case letters, digits and -"),
    "",
    "Name of the feeder. No other one has it. The position is kept under this name.",
  ),
);

export const MAPPING = key(
  "mapping",
  PATH,
  "",
  "YAML file that maps the records to swaps, see [mapping](mapping.md). Not set: each record is a swap as in [swap events](swap-event.md).",
);
