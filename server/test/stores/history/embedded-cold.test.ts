/** The second tier of the embedded history, in a real S3 server. */
import assert from "node:assert/strict";
import { globSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type S3Server, startS3 } from "../../../../scripts/servers/s3.ts";
import type { HistoryStore } from "../../../src/ports/history-store.ts";
import { openEmbeddedHistory } from "../../../src/stores/history/embedded/open-embedded-history.ts";
import { MemoryHistory } from "../../support/memory-history.ts";
import { requires } from "../../support/requires.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";
import { s3Settings } from "../backends.ts";
import { rowsOf } from "./compare-stores.ts";
import { compactFully, historyContract } from "./contract.ts";
import { embeddedSetup, readRawEvents } from "./embedded-support.ts";
import { ALWAYS, BEGIN_MS, DAY_MS, HistoryMaker, HOUR_MS, MINUTE_MS } from "./random-history.ts";

const KEY = { logId: "log-a", partition: 0, epoch: 1 };
const TOKEN = { chainId: 1, token: "0x6982508145454ce325ddbe47a25d4ec3d2311933" };
/** Few files fit. */
const CACHE_BYTES = 32 * 1024;
const HOURS = 48;
const DAYS = 12;

requires("the embedded history with files in S3", { servers: ["versitygw"] }, () => {
  describe("embedded, with every file in S3 as soon as it may be", () => {
    const folder = tempDir({ after }, "history");
    const server = started(folder);
    historyContract(() => ({
      open: (space) => opened(server(), `${folder}/${space}`, space),
      rawRows: (space) => {
        const objects = join(folder, "s3/objects", server().bucket, space, "history");
        return readRawEvents(`${folder}/${space}`, objects);
      },
    }));
  });

  test("while S3 is away moves wait, reads that need it fail clearly, and nothing is lost", async (t) => {
    const folder = tempDir(t, "history");
    let server = await startS3({ folder: `${folder}/s3` });
    t.after(() => server.stop());
    const dataDir = `${folder}/data`;
    const store = await opened(server, dataDir, "away");
    t.after(() => store.close());
    await store.migrate();
    const model = new MemoryHistory();
    const maker = new HistoryMaker(randomFrom(seedOf(t)));
    const rows = Array.from({ length: HOURS }, (_, i) => maker.row(TOKEN, BEGIN_MS + i * HOUR_MS));
    const write = async (from: number, to: number): Promise<void> => {
      const settled = [{ ...KEY, fromSequence: from, rows: rows.slice(from, to) }];
      const marks = [{ ...KEY, sequence: to, beforeMs: BEGIN_MS + to * HOUR_MS }];
      for (const one of [store, model]) await one.append({ settled, raw: [], marks });
    };
    for (const one of [store, model]) await one.beginStream(KEY, ALWAYS);
    await write(0, 24);
    await compactFully(t, store);
    assert.deepEqual(globSync(`${dataDir}/history/swaps/**/*.parquet`), [], "the rows are in S3");
    const { port } = new URL(server.endpoint);
    await server.stop();
    await write(24, HOURS);
    await assert.rejects(store.compact(t.signal), { code: "storage_failed", retryable: true });
    const away = rowsOf(store.rows({ fromMs: 0, toMs: BEGIN_MS + DAY_MS }, TOKEN, [], t.signal));
    await assert.rejects(away, (error: Error) => {
      assert.equal((error as { code?: string }).code, "storage_failed");
      assert.match(error.message, /^Cannot read swaps\/.* of the history in the bucket/);
      return true;
    });
    // Sums of whole minutes need no row, and new rows are here.
    const whole = [{ fromMs: 0, toMs: BEGIN_MS + HOURS * HOUR_MS }];
    assert.deepEqual(await store.sums(TOKEN, whole, []), await model.sums(TOKEN, whole, []));
    const late = {
      fromMs: BEGIN_MS + 30 * HOUR_MS,
      toMs: ALWAYS.toMs,
      order: "asc",
      after: undefined,
      limit: 99,
    } as const;
    assert.deepEqual(await store.swaps(TOKEN, late, []), await model.swaps(TOKEN, late, []));

    server = await startS3({ folder: `${folder}/s3`, port: Number(port) });
    await compactFully(t, store);
    assert.deepEqual(
      await rowsOf(store.rows(ALWAYS, TOKEN, [], t.signal)),
      await rowsOf(model.rows(ALWAYS, TOKEN, [], t.signal)),
    );
    const odd = [{ fromMs: BEGIN_MS + 1, toMs: BEGIN_MS + 5 * HOUR_MS + 7 * MINUTE_MS + 3 }];
    assert.deepEqual(await store.sums(TOKEN, odd, []), await model.sums(TOKEN, odd, []));
    assert.deepEqual(await store.verify(t.signal), []);
    const cached = globSync(`${dataDir}/history/cache/*`).reduce((sum, path) => sum + statSync(path).size, 0);
    assert.ok(cached <= CACHE_BYTES, `${cached} bytes in the cache`);
    assert.ok(JSON.parse(readFileSync(`${dataDir}/history/files.json`, "utf8")).cold.length > 0);
  });

  test("questions side by side have their files, though the cache has room for few of them", async (t) => {
    const folder = tempDir(t, "history");
    const server = await startS3({ folder: `${folder}/s3` });
    t.after(() => server.stop());
    const store = await opened(server, `${folder}/data`, "beside");
    t.after(() => store.close());
    await store.migrate();
    const model = new MemoryHistory();
    const maker = new HistoryMaker(randomFrom(seedOf(t)));
    const rows = Array.from({ length: DAYS * 100 }, (_, i) => maker.row(TOKEN, BEGIN_MS + i * 14 * MINUTE_MS));
    const settled = [{ ...KEY, fromSequence: 0, rows }];
    const marks = [{ ...KEY, sequence: rows.length, beforeMs: BEGIN_MS + DAYS * DAY_MS }];
    for (const one of [store, model]) {
      await one.beginStream(KEY, ALWAYS);
      await one.append({ settled, raw: [], marks });
    }
    await compactFully(t, store);
    const expected = await Promise.all(
      Array.from({ length: DAYS }, async (_, day) => {
        const span = { fromMs: BEGIN_MS + day * DAY_MS, toMs: BEGIN_MS + (day + 1) * DAY_MS };
        return { span, rows: await rowsOf(model.rows(span, TOKEN, [], t.signal)) };
      }),
    );
    const readers = Array.from({ length: 4 }, async (_, reader) => {
      for (let i = 0; i < 60; i++) {
        const { span, rows } = expected[(i * (reader + 1)) % DAYS]!;
        assert.deepEqual(await rowsOf(store.rows(span, TOKEN, [], t.signal)), rows);
      }
    });
    await Promise.all(readers);
  });
});

function started(folder: string): () => S3Server {
  let server: S3Server | undefined;
  before(async () => {
    server = await startS3({ folder: `${folder}/s3` });
  });
  after(() => server?.stop());
  return () => server!;
}

/** Every file is older than the age of the second tier. */
async function opened(server: S3Server, dataDir: string, space: string): Promise<HistoryStore> {
  mkdirSync(dataDir, { recursive: true });
  const cold = { s3: s3Settings(server, space), afterMs: 0, cacheBytes: CACHE_BYTES };
  return openEmbeddedHistory({ ...embeddedSetup(dataDir), cold }, () => 8e15, 0);
}
