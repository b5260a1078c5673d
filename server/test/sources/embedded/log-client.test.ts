import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { partitionOfTokenId } from "../../../src/shared/token-partition.ts";
import { createVersionBoard } from "../../../src/shared/version-board.ts";
import { LogClient, WAITING_BODIES_MAX, WAITING_BYTES_MAX } from "../../../src/sources/embedded/log-client.ts";
import type { LogNotice, LogOwnerRequest, LogThreadOptions } from "../../../src/sources/embedded/log-protocol.ts";
import { EmbeddedLogReader } from "../../../src/sources/embedded/log-reader.ts";
import { LOG_DATABASE_NAME, LOG_FOLDER } from "../../../src/sources/embedded/log-writer.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";
import { never, readAll, START_MS } from "./log-support.ts";

function swap(number: number, changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    chain_id: 1,
    tx_hash: `0xABC${number}`,
    log_index: 0,
    token: `T${number % 7}`,
    side: "buy",
    amount_token: "1",
    amount_usd: "2.5",
    event_time: START_MS + number,
    ...changes,
  });
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function refuse(error: Error): never {
  throw error;
}

async function startLog(dataDir: string, options: Partial<LogThreadOptions> = {}): Promise<LogClient> {
  const folder = join(dataDir, LOG_FOLDER);
  mkdirSync(folder, { recursive: true });
  const limits = {
    partitions: 1,
    retentionMs: 3_600_000,
    retentionBytes: 1024 ** 3,
    bodyEventsMax: 1000,
    waitsForOwners: false,
  };
  return LogClient.start({ folder, ...limits, ...options }, refuse);
}

type Owner = { readonly reader: EmbeddedLogReader; readonly port: MessagePort; readonly notices: LogNotice[] };

function own(log: LogClient, dataDir: string, partition = 0): Owner {
  const { port1, port2 } = new MessageChannel();
  const notices: LogNotice[] = [];
  const send = (request: LogOwnerRequest): void => port1.postMessage(request);
  const reader = new EmbeddedLogReader({
    path: join(dataDir, LOG_FOLDER, LOG_DATABASE_NAME),
    partition,
    release: (offset) => send({ kind: "release", offset }),
    openAt: (offset, formerLogId) => send({ kind: "open", offset, formerLogId }),
    onClose: () => {},
  });
  port1.on("message", (notice: LogNotice) => {
    notices.push(notice);
    reader.notify(notice.endOffset, notice.pressure);
  });
  log.connect(partition, port2, createVersionBoard());
  return { reader, port: port1, notices };
}

test("valid events of a body go into the log unchanged, the others are rejected by index", async (t) => {
  const dataDir = tempDir(t);
  const log = await startLog(dataDir);
  const { reader } = own(log, dataDir);
  const body = [swap(0), "nonsense", swap(2, { side: "up" }), "", swap(3)].join("\n");
  const result = await log.ingest(bytes(body));
  assert.equal(result.accepted, 2);
  assert.deepEqual(
    result.rejected.map(({ index, code }) => [index, code]),
    [
      [1, "malformed_json"],
      [2, "bad_side"],
    ],
  );
  assert.ok(result.rejected.every(({ message }) => message.length > 10));
  assert.deepEqual(
    await log.ingest(bytes("[nonsense]")).then(({ accepted, rejected }) => [accepted, rejected.length]),
    [0, 1],
  );
  assert.equal((await log.ingest(bytes(`[${swap(4)}, ${swap(5)}]`))).accepted, 2);
  await assert.rejects(log.ingest(bytes("[")), { code: "bad_request" });
  await assert.rejects(log.ingest(bytes("1\n".repeat(1001))), (error: { code?: string }) =>
    ["too_large", "bad_request"].includes(error.code ?? ""),
  );
  await assert.rejects(log.ingest(bytes(`[${swap(0)}${`,${swap(0)}`.repeat(1000)}]`)), { code: "too_large" });
  await reader.read(3, 1, never);
  assert.deepEqual(await readAll(reader), [swap(0), swap(3), swap(4), swap(5)]);
  await reader.close();
  await log.close();
});

test("each token goes to the partition of its id; owners are told only of their own log", async (t) => {
  const dataDir = tempDir(t);
  const log = await startLog(dataDir, { partitions: 3 });
  const owners = [0, 1, 2].map((partition) => own(log, dataDir, partition));
  const numbers = Array.from({ length: 300 }, (_, i) => i);
  await log.ingest(bytes(numbers.map((number) => swap(number)).join("\n")));
  await log.ingest(bytes(swap(1, { token: "0xABCDEF0123456789abcdef0123456789ABCDEF01" })));
  const expected: string[][] = [[], [], []];
  for (const number of numbers) expected[partitionOfTokenId(`1:T${number % 7}`, 3)]!.push(swap(number));
  const lower = "1:0xabcdef0123456789abcdef0123456789abcdef01";
  expected[partitionOfTokenId(lower, 3)]!.push(swap(1, { token: "0xABCDEF0123456789abcdef0123456789ABCDEF01" }));
  for (const [partition, { reader }] of owners.entries()) {
    assert.deepEqual(await readAll(reader), expected[partition]);
    await reader.close();
  }
  await log.close();
});

test("many bodies at once share commits, and each gets its own response", async (t) => {
  const dataDir = tempDir(t);
  const log = await startLog(dataDir);
  const { reader, notices, port } = own(log, dataDir);
  const results = await Promise.all(
    Array.from({ length: 300 }, (_, i) => log.ingest(bytes(i % 3 === 0 ? `${swap(i)}\nx` : swap(i)))),
  );
  assert.ok(results.every(({ accepted, rejected }, i) => accepted === 1 && rejected.length === (i % 3 === 0 ? 1 : 0)));
  while (notices.at(-1)?.endOffset !== 300) await once(port, "message");
  // The first notice is that of the connection.
  assert.ok(notices.length < 100, `${notices.length} commits`);
  assert.equal(new Set(await readAll(reader)).size, 300);
  await reader.close();
  await log.close();
});

test("a body from the pool of small buffers does not change its neighbours", async (t) => {
  const dataDir = tempDir(t);
  const log = await startLog(dataDir);
  const neighbour = Buffer.from("neighbour");
  const body = Buffer.from(swap(1));
  assert.equal((await log.ingest(body)).accepted, 1);
  assert.equal(neighbour.toString(), "neighbour");
  await log.close();
});

test("the queue for the disk is bounded", async (t) => {
  const log = await startLog(tempDir(t));
  const large = bytes(`${swap(1)}${" ".repeat(WAITING_BYTES_MAX / 2)}`);
  const first = log.ingest(large.slice());
  const second = log.ingest(large.slice(0, WAITING_BYTES_MAX / 2 - 1000));
  await assert.rejects(log.ingest(large), { code: "unavailable", retryable: true });
  assert.equal((await first).accepted + (await second).accepted, 2);
  assert.equal(log.waitingBytes, 0);
  const many = Array.from({ length: WAITING_BODIES_MAX }, (_, i) => log.ingest(bytes(swap(i))));
  await assert.rejects(log.ingest(bytes(swap(1))), { code: "unavailable" });
  await Promise.all(many);
  await log.close();
});

test("at the size limit senders get log_full and owners are told of the pressure; a release ends both", async (t) => {
  const dataDir = tempDir(t);
  const log = await startLog(dataDir, { retentionBytes: 2 * 1024 * 1024 });
  const { reader, port, notices } = own(log, dataDir);
  const body = Array.from({ length: 400 }, (_, i) => swap(i)).join("\n");
  let accepted = 0;
  const fill = async (): Promise<never> => {
    for (;;) accepted += (await log.ingest(bytes(body))).accepted;
  };
  await assert.rejects(fill(), { code: "log_full", retryable: true });
  assert.ok(accepted > 1000);
  while (notices.at(-1)?.pressure !== true) await once(port, "message");
  assert.equal(reader.pressure, true);
  const before = accepted;
  await reader.release(accepted);
  await assert.rejects(fill(), { code: "log_full" });
  assert.ok(accepted > before);
  await reader.close();
  await log.close();
});

test("closing responds to accepted bodies and refuses later ones, and the log continues at the next start", async (t) => {
  const dataDir = tempDir(t);
  const log = await startLog(dataDir);
  const taken = Array.from({ length: 20 }, (_, i) => log.ingest(bytes(swap(i))));
  const closing = log.close();
  await assert.rejects(log.ingest(bytes(swap(99))), { code: "unavailable", retryable: true });
  await closing;
  for (const result of await Promise.all(taken)) assert.equal(result.accepted, 1);
  const again = await startLog(dataDir);
  assert.deepEqual(again.ranges, [{ startOffset: 0, endOffset: 20 }]);
  assert.equal(again.createdMs, log.createdMs);
  assert.deepEqual(again.problems, []);
  const { reader } = own(again, dataDir);
  await reader.openAt(25, undefined, never);
  assert.equal((await reader.range()).endOffset, 25);
  await reader.close();
  await again.close();
});

test("bodies wait until the owners have opened their partitions, and get offsets behind the checkpoint", async (t) => {
  const dataDir = tempDir(t);
  const log = await startLog(dataDir, { partitions: 2, waitsForOwners: true });
  const early = Array.from({ length: 20 }, (_, i) => log.ingest(bytes(swap(i))));
  const owners = [own(log, dataDir, 0), own(log, dataDir, 1)];
  await owners[0]!.reader.openAt(7, undefined, never);
  await owners[1]!.reader.openAt(9, "an-earlier-log", never);
  for (const { accepted } of await Promise.all(early)) assert.equal(accepted, 1);
  const ranges = await Promise.all(owners.map(({ reader }) => reader.range()));
  assert.equal(ranges[0]!.endOffset + ranges[1]!.endOffset, 7 + 9 + 20);
  assert.deepEqual(ranges[0]!.formerLogIds, ["an-earlier-log"]);
  assert.equal(ranges[0]!.logId, ranges[1]!.logId);
  assert.deepEqual(
    ranges.map(({ startOffset }) => startOffset),
    [7, 9],
  );
  for (const { reader } of owners) await reader.close();
  await log.close();
});

test("bodies that wait for the owners are refused when the service stops", async (t) => {
  const log = await startLog(tempDir(t), { waitsForOwners: true });
  const early = assert.rejects(log.ingest(bytes(swap(0))), { code: "unavailable", retryable: true });
  await log.close();
  await early;
});

test("a log that cannot be opened is refused with its code", async (t) => {
  const dataDir = tempDir(t);
  await (await startLog(dataDir, { partitions: 2 })).close();
  await assert.rejects(startLog(dataDir, { partitions: 3 }), { code: "bad_config" });
});

requires("ingestion on a full disk", { mount: true }, () => {
  test("a full disk fails with log_full or storage_failed, reading continues, and ingestion resumes by itself", async (t) => {
    const dir = tempDir(t);
    assert.equal(spawnSync("mount", ["-t", "tmpfs", "-o", "size=5m", "swapstats-full", dir]).status, 0);
    try {
      const log = await startLog(dir);
      const { reader } = own(log, dir);
      const body = Array.from({ length: 500 }, (_, i) => swap(i)).join("\n");
      let accepted = 0;
      const fill = async (): Promise<never> => {
        for (;;) accepted += (await log.ingest(bytes(body))).accepted;
      };
      const isFull = (error: { code?: string; retryable?: boolean }) =>
        error.retryable === true && ["log_full", "storage_failed"].includes(error.code ?? "");
      await assert.rejects(fill(), isFull);
      await assert.rejects(fill(), isFull);
      assert.equal((await readAll(reader, 0, 1e6)).length, accepted);
      assert.equal(spawnSync("mount", ["-o", "remount,size=12m", dir]).status, 0);
      const before = accepted;
      await assert.rejects(fill(), isFull);
      assert.ok(accepted > before);
      await reader.close();
      await log.close();
    } finally {
      spawnSync("umount", [dir]);
    }
  });
});
