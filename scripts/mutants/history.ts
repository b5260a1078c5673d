/** Breakages of the history on its way to the store: memory of raw events, what is sent, told and waited for, and how far a history reaches back. */
import type { Mutant } from "./mutant.ts";

const mutant = (
  file: string,
  suites: readonly string[],
  search: string,
  replacement: string,
  what: string,
): Mutant => ({
  file: `../${file}`,
  suites: suites.map((suite) => `../${suite}`),
  search,
  replacement,
  what,
});

const RAW_ROWS = ["codecs/raw-rows"];
const LINK = ["pipeline/history/history-link"];
const WAITING = ["history/waiting-streams"];
const WARM_START = ["pipeline/history/warm-start"];
const EXACTLY_ONCE = ["history/exactly-once"];

export const historyMutants: readonly Mutant[] = [
  mutant(
    "codecs/raw-rows.ts",
    RAW_ROWS,
    "return own.slice(0, this.#at);",
    "return own.subarray(0, this.#at);",
    "a small chunk lies in the memory to which the next one is written",
  ),
  mutant(
    "codecs/raw-rows.ts",
    RAW_ROWS,
    "    this.#u8.fill(0, eventsAt + length, next);\n",
    "",
    "bytes of an earlier chunk stay between two runs",
  ),
  mutant(
    "pipeline/history/history-link.ts",
    LINK,
    "if (isUseful && this.#spares.length < SPARES_MAX)",
    "if (isUseful)",
    "spare memory has no limit",
  ),
  mutant(
    "history/taken-out.ts",
    WAITING,
    "content: content.slice() };",
    "content };",
    "rows that wait lie in memory that goes back",
  ),
  mutant(
    "history/waiting-streams.ts",
    WAITING,
    "if (!source.queue.endsWithLoss) this.#rawGaps += 1;",
    "this.#rawGaps += 1;",
    "each lost chunk of raw events is a gap",
  ),
  mutant(
    "pipeline/history/history-reach.ts",
    WARM_START,
    "if (stream === undefined || settledTo(stream) >= endMs) return endMs;",
    "if (endMs > 0) return endMs;\n    if (stream === undefined) return endMs;",
    "a stream that has no mark yet hides what the one before it settled",
  ),
  mutant(
    "pipeline/history/raw-history.ts",
    EXACTLY_ONCE,
    "if (offset >= this.#durable) this.#rows.applied(",
    "if (offset > this.#durable) this.#rows.applied(",
    "a restore leaves out the first raw event that the store lacks",
  ),
  mutant(
    "pipeline/history/partition-history.ts",
    EXACTLY_ONCE,
    "if (this.#raw !== undefined && durable < fromOffset) problems",
    "if (this.#raw === undefined && durable < fromOffset) problems",
    "raw events that no restore can make again are lost silently",
  ),
  mutant(
    "pipeline/history/partition-history.ts",
    EXACTLY_ONCE,
    "    if (this.#raw !== undefined && offset > this.#raw.durable) return false;\n",
    "",
    "an image does not wait for raw events",
  ),
  mutant(
    "pipeline/history/partition-history.ts",
    EXACTLY_ONCE,
    "base.history.from <= history.settled && base.offset <= rawFrom;",
    "true;",
    "a restore begins behind rows that the store lacks",
  ),
  mutant(
    "pipeline/history/settled-stream.ts",
    EXACTLY_ONCE,
    "chunk.fromSequence + chunk.count > this.#durable) this.add(chunk);",
    "chunk.fromSequence > this.#durable) this.add(chunk);",
    "rows are not sent that follow others which the store has",
  ),
];
