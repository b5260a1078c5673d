/** Tables as NDJSON: rows go through the column mapping, and come out as chunks of lines. */
import { parse } from "csv-parse";
import { SwapstatsError } from "../../shared/errors.ts";
import { bindMapping, type Mapping, mappingOfHeader, type RowReader } from "./mapping.ts";

const CHUNK_CHARS = 256 * 1024;
const ROW_BYTES_MAX = 1024 * 1024;

/** Chunks of NDJSON. `mapping` undefined: the columns have the names of the event. */
export async function* csvToNdjson(
  chunks: AsyncIterable<Buffer>,
  mapping: Mapping | undefined,
  path: string,
): AsyncGenerator<Buffer> {
  const parser = parse({
    bom: true,
    delimiter: mapping?.delimiter ?? ",",
    max_record_size: ROW_BYTES_MAX,
    // A short row becomes an event without some fields, which is a dead letter with a reason; it does not end the work.
    relax_column_count: true,
    skip_empty_lines: true,
  });
  const feeding = feed(chunks, parser);
  feeding.catch((error) => parser.destroy(error));
  let readRow: RowReader | undefined;
  let text = "";
  try {
    for await (const cells of parser as AsyncIterable<string[]>) {
      if (readRow === undefined) {
        const header = cells.map((name) => name.trim());
        readRow = bindMapping(mapping ?? mappingOfHeader(header, path), header, path);
        continue;
      }
      for (const event of readRow(cells)) text += `${event}\n`;
      if (text.length >= CHUNK_CHARS) {
        yield Buffer.from(text);
        text = "";
      }
    }
    await feeding;
  } catch (cause) {
    if (cause instanceof SwapstatsError) throw cause;
    throw new SwapstatsError("bad_request", `${path} is not a table that can be read: ${(cause as Error).message}`, {
      cause,
    });
  } finally {
    parser.destroy();
    await feeding.catch(() => undefined);
  }
  if (text !== "") yield Buffer.from(text);
}

async function feed(chunks: AsyncIterable<Buffer>, parser: ReturnType<typeof parse>): Promise<void> {
  for await (const chunk of chunks) {
    if (parser.destroyed) return;
    // A copy: the parser keeps what it has not yet read, and the chunk's buffer is used again.
    if (parser.write(Buffer.from(chunk))) continue;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        parser.off("drain", done);
        parser.off("close", done);
        resolve();
      };
      parser.on("drain", done);
      parser.on("close", done);
    });
  }
  parser.end();
}
