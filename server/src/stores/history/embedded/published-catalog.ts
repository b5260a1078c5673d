/** The list of files for other programs (docs/history-parquet.md): replaced as a whole, after each change of the catalog. */
import { join } from "node:path";
import { realFileSystem } from "../../file-system.ts";
import { validSpans } from "../valid-spans.ts";
import { type Snapshot, TIERS } from "./catalog.ts";

const PUBLISHED_NAME = "files.json";

/** Not synced: it is written again at the next open. */
export async function publishCatalog(folder: string, { streams, files }: Snapshot): Promise<void> {
  const paths = TIERS.map((tier) => [
    tier,
    files.filter((file) => file.tier === tier && !file.isCold).map(({ path }) => path),
  ]);
  const valid = streams.flatMap((stream) =>
    validSpans(stream, streams).map(({ fromMs, toMs }) => ({ stream: stream.id, from_ms: fromMs, to_ms: toMs })),
  );
  const cold = files.filter(({ isCold }) => isCold).map(({ path }) => path);
  const text = JSON.stringify({ ...Object.fromEntries(paths), cold, valid });
  const path = join(folder, PUBLISHED_NAME);
  await realFileSystem.write(`${path}.new`, new TextEncoder().encode(`${text}\n`));
  await realFileSystem.rename(`${path}.new`, path);
}
