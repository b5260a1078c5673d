/** A server that is killed, hangs, is away, refuses the password or has no room: what is acknowledged stays, and every failure is told as one. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { type ClickHouseServer, startClickHouse } from "../../../../../scripts/servers/clickhouse.ts";
import { freePort } from "../../../../../scripts/servers/ports.ts";
import type { HistoryBatch, SettledRow, StreamKey } from "../../../../src/ports/history-store.ts";
import { SwapstatsError } from "../../../../src/shared/errors.ts";
import { ClickHouseHistory } from "../../../../src/stores/history/clickhouse/clickhouse-history.ts";
import { MemoryHistory } from "../../../support/memory-history.ts";
import { requires } from "../../../support/requires.ts";
import { randomFrom, seedOf } from "../../../support/seed.ts";
import { tempDir } from "../../../support/tmp.ts";
import { compareStatus } from "../compare-stores.ts";
import { ALWAYS, BEGIN_MS, HistoryMaker } from "../random-history.ts";
import { setupOn } from "./fixture.ts";

const KEY: StreamKey = { logId: "log-a", partition: 0, epoch: 1 };
const TOKEN = { chainId: 1, token: "0x6982508145454ce325ddbe47a25d4ec3d2311933" };
const WIDE = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

const isUnreadable = (error: unknown): boolean =>
  error instanceof SwapstatsError && error.code === "storage_failed" && error.retryable;

function rowsOf(maker: HistoryMaker, count: number): SettledRow[] {
  return Array.from({ length: count }, (_, i) => maker.row(TOKEN, BEGIN_MS + i * 50));
}

const batchOf = (fromSequence: number, rows: readonly SettledRow[]): HistoryBatch => ({
  settled: [{ ...KEY, fromSequence, rows }],
  raw: [],
  marks: [{ ...KEY, sequence: fromSequence + rows.length, beforeMs: rows.at(-1)!.eventTimeMs }],
});

requires("ClickHouse that fails", { servers: ["clickhouse"] }, () => {
  test("a server that is killed while it writes loses no acknowledged batch, and a repeated batch is there once", async (t) => {
    const random = randomFrom(seedOf(t));
    const folder = tempDir(t, "clickhouse");
    let server: ClickHouseServer = await startClickHouse({ folder });
    t.after(() => server.stop());
    const { port } = server;
    const store = new ClickHouseHistory(setupOn(server, "killed"));
    t.after(() => store.close());
    const model = new MemoryHistory();
    await store.migrate();
    for (const one of [store, model]) await one.beginStream(KEY, ALWAYS);
    const rows = rowsOf(new HistoryMaker(random), 40_000);
    let acknowledged = 0;
    let kills = 0;
    while (acknowledged < rows.length) {
      const end = Math.min(rows.length, acknowledged + 1 + random.below(8_000));
      // A repetition in another cut: some rows of the batch before come again.
      const from = Math.max(0, acknowledged - random.below(500));
      const batch = batchOf(from, rows.slice(from, end));
      const writing = store.append(batch);
      if (kills === 0 || (kills < 4 && random.chance(0.5))) {
        kills += 1;
        const written = writing.then(
          () => true,
          (error: unknown) => {
            assert.ok(isUnreadable(error), String(error));
            return false;
          },
        );
        setTimeout(() => server.kill(), random.below(80));
        await server.exited;
        if (await written) acknowledged = end;
        server = await startClickHouse({ folder, port });
        assert.ok((await store.status()).rows >= acknowledged);
        continue;
      }
      await writing;
      acknowledged = end;
    }
    for (let i = 0; i < rows.length; i += 10_000) await model.append(batchOf(i, rows.slice(i, i + 10_000)));
    await compareStatus(store, model);
    assert.deepEqual(await store.sums(TOKEN, [WIDE], []), await model.sums(TOKEN, [WIDE], []));
    while ((await store.compact(t.signal)).length > 0);
    assert.deepEqual(await store.sums(TOKEN, [WIDE], []), await model.sums(TOKEN, [WIDE], []));
    assert.deepEqual(await store.verify(t.signal), []);
    assert.ok(kills > 0);
  });

  test("a server that is away, a wrong password and a missing database are told, and are retryable", async (t) => {
    const port = await freePort();
    const away = new ClickHouseHistory(setupOn({ url: `http://127.0.0.1:${port}`, user: "swapstats" }, "away"));
    t.after(() => away.close());
    for (const call of [
      () => away.status(),
      () => away.append(batchOf(0, rowsOf(new HistoryMaker(randomFrom(1)), 10))),
    ]) {
      await assert.rejects(call, isUnreadable);
    }
    const server = await startClickHouse({ folder: tempDir(t, "clickhouse"), port });
    t.after(() => server.stop());
    await assert.rejects(() => away.status(), /UNKNOWN_DATABASE|UNKNOWN_TABLE/);
    await away.migrate();
    assert.equal((await away.status()).rows, 0);
    const setup = setupOn(server, "away");
    const stranger = new ClickHouseHistory({ ...setup, connection: { ...setup.connection, password: "wrong-secret" } });
    t.after(() => stranger.close());
    await assert.rejects(
      () => stranger.status(),
      (error: unknown) => {
        assert.ok(isUnreadable(error));
        assert.match((error as Error).message, /AUTHENTICATION_FAILED.*Check stores\.clickhouse\.user and password/);
        assert.doesNotMatch((error as Error).message, /wrong-secret/);
        return true;
      },
    );
  });

  test("a server that hangs ends a call at its limit, and the rows that it wrote all the same count once", async (t) => {
    const server = await startClickHouse({ folder: tempDir(t, "clickhouse") });
    t.after(() => server.stop());
    const setup = setupOn(server, "slow");
    const calm = new ClickHouseHistory(setup);
    t.after(() => calm.close());
    await calm.migrate();
    await calm.beginStream(KEY, ALWAYS);
    const hasty = new ClickHouseHistory({ ...setup, connection: { ...setup.connection, limitMs: 1_000 } });
    t.after(() => hasty.close());
    const rows = rowsOf(new HistoryMaker(randomFrom(seedOf(t))), 2_000);
    server.signal("SIGSTOP");
    await assert.rejects(() => hasty.append(batchOf(0, rows)), /did not answer within 1000 ms/);
    await assert.rejects(() => hasty.sums(TOKEN, [WIDE], []), /did not answer within 1000 ms/);
    server.signal("SIGCONT");
    await calm.append(batchOf(0, rows.slice(0, 1_500)));
    await calm.append(batchOf(1_500, rows.slice(1_500)));
    const [sums] = await calm.sums(TOKEN, [WIDE], []);
    assert.equal(sums!.buys + sums!.sells, rows.length);
    assert.equal((await calm.status()).rows, rows.length);
  });

  test("an answer that never ends is cut off at the time limit, and closing the store ends a call", async (t) => {
    const sockets = new Set<Socket>();
    const server: Server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    });
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const setup = setupOn({ url: `http://127.0.0.1:${port}`, user: "swapstats" }, "endless");
    const store = new ClickHouseHistory({ ...setup, connection: { ...setup.connection, limitMs: 500 } });
    await assert.rejects(() => store.find("x"), /did not answer within 500 ms/);
    const patient = new ClickHouseHistory(setup);
    const asked = patient.find("x");
    const failed = assert.rejects(asked, /the store was closed/);
    await patient.close();
    await failed;
    await store.close();
  });
});

requires("ClickHouse on a full disk", { servers: ["clickhouse"], mount: true }, () => {
  test("a write that finds no room fails as a whole, and is there once after room was made", async (t) => {
    const folder = join(tempDir(t, "clickhouse"), "server");
    mkdirSync(folder);
    assert.equal(spawnSync("mount", ["-t", "tmpfs", "-o", "size=32m", "swapstats-full", folder]).status, 0);
    try {
      await fillDisk(folder, seedOf(t));
    } finally {
      assert.equal(spawnSync("umount", [folder]).status, 0);
    }
  });

  test("a repair whose statement the server ended writes no more", async (t) => {
    const server = await startClickHouse({ folder: tempDir(t, "clickhouse") });
    t.after(() => server.stop());
    const store = new ClickHouseHistory(setupOn(server, "ended"));
    t.after(() => store.close());
    const repair = store.repairAlone(async (requireAlone) => {
      await requireAlone();
      await server.sql("KILL QUERY WHERE query_id LIKE 'swapstats repair%' SYNC");
      // The answer of the statement comes a little later.
      for (;;) await requireAlone().then(() => new Promise(setImmediate));
    });
    await assert.rejects(repair, { code: "unavailable", message: /^The repair was given up: ClickHouse, database / });
    assert.equal(await store.repairAlone(async () => "again"), "again");
  });
});

async function fillDisk(folder: string, seed: number): Promise<void> {
  const server = await startClickHouse({ folder });
  const store = new ClickHouseHistory(setupOn(server, "full"));
  try {
    await store.migrate();
    await store.beginStream(KEY, ALWAYS);
    const rows = rowsOf(new HistoryMaker(randomFrom(seed)), 30_000);
    await store.append(batchOf(0, rows.slice(0, 1_000)));
    const filler = join(folder, "filler");
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(filler, Buffer.alloc(bavail * bsize - 256 * 1024));
    await assert.rejects(() => store.append(batchOf(1_000, rows.slice(1_000))), isUnreadable);
    const [before] = await store.sums(TOKEN, [WIDE], [{ ...KEY, sequence: 1_000 }]);
    assert.equal(before!.buys + before!.sells, 1_000);
    rmSync(filler);
    await store.append(batchOf(1_000, rows.slice(1_000)));
    const [after] = await store.sums(TOKEN, [WIDE], []);
    assert.equal(after!.buys + after!.sells, rows.length);
  } finally {
    await store.close();
    await server.stop();
  }
}
