/** One stream of NDJSON out of the files of a replay, whatever they hold. */
import { SwapstatsError } from "../../shared/errors.ts";
import { csvToNdjson } from "./csv.ts";
import { type ReadCounter, readChunks } from "./input.ts";
import type { Mapping } from "./mapping.ts";

/** A line feed ends each file, so that the last line of one and the first of the next stay apart. */
const LINE_FEED = Buffer.from("\n");

/** Chunks of NDJSON of all files, one after the other. A chunk is valid until the next one is asked for. */
export async function* readSwaps(
  paths: readonly string[],
  mapping: Mapping | undefined,
  counter: ReadCounter,
): AsyncGenerator<Buffer> {
  for (const path of paths) {
    const chunks = readChunks(path, counter);
    try {
      const first = await chunks.next();
      if (first.done === true) continue;
      const all = chain(withoutMark(first.value), chunks);
      yield* formatOf(first.value, path, mapping) === "csv" ? csvToNdjson(all, mapping, path) : all;
    } finally {
      // Closes the file where its format was refused, or the reader wants no more.
      await chunks.return(undefined);
    }
    yield LINE_FEED;
  }
}

/** A byte order mark is no part of the first record. */
function withoutMark(chunk: Buffer): Buffer {
  return chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf ? chunk.subarray(3) : chunk;
}

function formatOf(first: Buffer, path: string, mapping: Mapping | undefined): "ndjson" | "csv" {
  if (first.subarray(0, 4).toString("latin1") === "PAR1") {
    throw new SwapstatsError("bad_request", `${path} is Parquet, which is not in this version; give NDJSON or CSV`);
  }
  const text = first
    .subarray(0, 4096)
    .toString("utf8")
    .replace(/^\uFEFF/, "")
    .trimStart();
  if (text.startsWith("[")) {
    throw new SwapstatsError("bad_request", `${path} is one JSON array; write one object a line (jq -c '.[]')`);
  }
  if (!text.startsWith("{")) return "csv";
  if (mapping === undefined) return "ndjson";
  throw new SwapstatsError("usage", `${path} is NDJSON; --map is for tables with columns, leave it out`);
}

async function* chain(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}
