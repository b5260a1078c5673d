import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { RowBuffer } from "../../src/history/row-buffer.ts";
import { Spool } from "../../src/history/spool.ts";
import { takenOut } from "../../src/history/taken-out.ts";
import { WaitingStreams } from "../../src/history/waiting-streams.ts";
import type { ToHistory } from "../../src/ports/history-stream.ts";
import { tempDir } from "../support/tmp.ts";

const WRITER = { logId: "log", partition: 3, epoch: 1 };

/** Room for chunks of this many bytes, and none in files. */
function waitingWith(t: TestContext, memoryBytes: number): WaitingStreams {
  const spool = new Spool(join(tempDir(t, "waiting"), "spool"));
  return new WaitingStreams({
    buffer: new RowBuffer({ memoryBytes, spoolBytes: 0, spool }),
    isForced: false,
    monotonicMs: () => 0,
  });
}

function rawChunk(fromOffset: number, rows: number, bytes: number): ToHistory {
  return {
    type: "raw",
    writer: WRITER,
    chunk: { fromOffset, toOffset: fromOffset + 10, rows, content: new Uint8Array(bytes) },
  };
}

test("raw rows without room make one gap for chunks that follow each other, also with a stretch without rows between them", (t) => {
  const waiting = waitingWith(t, 100);
  const taken: readonly [rows: number, bytes: number, gaps: number, lost: number][] = [
    [1, 100, 0, 0],
    [2, 1, 1, 2],
    [3, 1, 1, 5],
    [0, 0, 1, 5],
    [1, 1, 1, 6],
  ];
  for (const [i, [rows, bytes, gaps, lost]] of taken.entries()) {
    waiting.take(rawChunk(10 * i, rows, bytes), () => {});
    assert.deepEqual([waiting.rawGaps, waiting.lostRows], [gaps, lost], `chunk ${i}`);
  }
  const [source] = waiting.raw;
  assert.equal(source?.queue.next(100).at(-1)?.toOffset, 50, "what is lost is not waited for");
});

test("a gap that a restore tells is counted", (t) => {
  const waiting = waitingWith(t, 100);
  waiting.take({ type: "raw_gap", gap: { writer: WRITER, fromOffset: 0, toOffset: 5 } }, () => {});
  assert.equal(waiting.rawGaps, 1);
});

test("raw rows are taken out of larger memory, which goes back; all else stays as it came", () => {
  const memory = new Uint8Array([1, 2, 3, 4]);
  const back: Uint8Array[] = [];
  const giveBack = (spare: Uint8Array): void => void back.push(spare);
  const messageOf = (content: Uint8Array<ArrayBuffer>) => {
    return { type: "raw", writer: WRITER, chunk: { fromOffset: 0, toOffset: 1, rows: 1, content } } as const;
  };
  const taken = takenOut(messageOf(memory.subarray(0, 3)), giveBack);
  assert.deepEqual(taken, messageOf(new Uint8Array([1, 2, 3])));
  assert.deepEqual([back.length, back[0]?.buffer], [1, memory.buffer]);
  memory.fill(9);
  assert.deepEqual(taken, messageOf(new Uint8Array([1, 2, 3])));
  const exact = messageOf(memory);
  assert.equal(takenOut(exact, giveBack), exact);
  const leave = { type: "leave", partition: 3 } as const;
  assert.equal(takenOut(leave, giveBack), leave);
  assert.equal(back.length, 1);
});
