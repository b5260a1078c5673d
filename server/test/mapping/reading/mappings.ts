/** Texts of mappings for tests. */

import { parseMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";

/** A mapping with all required fields, one a line; `fields` come before them, from line `behind` + 2 on. */
export function mappingText(fields: readonly string[], head: readonly string[] = []): string {
  const given = fields.map((field) => /^\w+/.exec(field)?.[0]);
  const required = [
    "chain_id: 1",
    "tx_hash: a",
    "log_index: 0",
    "token: a",
    "side: a",
    "amount_token: a",
    "amount_usd: a",
    "event_time: a",
  ];
  const lines = [...fields, ...required.filter((line) => !given.includes(/^\w+/.exec(line)?.[0]))];
  return [...head, "swaps:", ...lines.map((line, index) => `${index === 0 ? "  - " : "    "}${line}`)].join("\n");
}

/** Returns the lines of the problems of a mapping. Throws if it has none, or if anything but a SwapstatsError is thrown. */
export function problemsOf(text: string): string[] {
  try {
    parseMapping(text, "m.yaml");
  } catch (error) {
    if (!(error instanceof SwapstatsError)) throw error;
    const [head, ...problems] = error.message.split("\n");
    if (head !== "the mapping m.yaml cannot be used (docs/mapping.md describes it):") return [error.message];
    return problems.map((problem) => problem.trim());
  }
  throw new Error("the mapping has no problem");
}
