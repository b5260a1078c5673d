import assert from "node:assert/strict";
import { appendFileSync, copyFileSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { RECORD_BYTES_MAX } from "../../../../src/codecs/limits.ts";
import { tempDir } from "../../../support/tmp.ts";
import { originContract } from "../origin-contract.ts";
import { FileReading, openFile, type ReadingOptions } from "./file-reading.ts";

originContract("a file of lines", async (t) => {
  const path = join(tempDir(t, "file-origin"), "trades.ndjson");
  writeFileSync(path, "");
  let next = 0;
  return {
    open: (endsAtEnd) => openFile({ path, endsAtEnd }),
    append: async (count) => {
      const ids = Array.from({ length: count }, () => `{"n":${next++}}`);
      appendFileSync(path, `${ids.join("\n")}\n`);
      return ids;
    },
    idOf: ({ bytes, start, end }) => Buffer.from(bytes.subarray(start, end)).toString(),
  };
});

originContract("files of a pattern", async (t) => {
  const folder = tempDir(t, "file-origin");
  let next = 0;
  let file = 0;
  return {
    open: (endsAtEnd) => openFile({ path: join(folder, "trades-*.ndjson"), endsAtEnd }),
    append: async (count) => {
      const ids = Array.from({ length: count }, () => `{"n":${next++}}`);
      writeFileSync(join(folder, `trades-${String(file++).padStart(5, "0")}.ndjson`), `${ids.join("\n")}\n`);
      return ids;
    },
    idOf: ({ bytes, start, end }) => Buffer.from(bytes.subarray(start, end)).toString(),
  };
});

/** A folder with a reading, which closes after the test. */
function reading(t: TestContext, name: string, options: Partial<ReadingOptions> = {}) {
  const folder = tempDir(t, "file-origin");
  const path = join(folder, name);
  const one = new FileReading({ path, ...options });
  t.after(() => one.close());
  return { folder, path, one };
}

/** Makes a file look finished: its last change is long ago. */
function age(path: string, seconds: number): void {
  const time = Date.now() / 1000 - seconds;
  utimesSync(path, time, time);
}

const LONG_AGO = 3_600;

for (const restarts of [false, true]) {
  const when = restarts ? "while nobody reads" : "while it is read";

  test(`a file that is renamed ${when} is read to its end, then the new one`, async (t) => {
    const { path, one } = reading(t, "trades.ndjson");
    writeFileSync(path, "a\nb\n");
    assert.deepEqual(await one.texts(), ["a", "b"]);
    appendFileSync(path, "c\n");
    renameSync(path, `${path}.1`);
    writeFileSync(path, "d\n");
    if (restarts) await one.restart();
    assert.deepEqual(await one.texts(), ["c", "d"]);
    assert.deepEqual(one.problems, []);
    assert.deepEqual(one.rows, [1, 2, 3, 4], "rows are counted over all files");
  });

  test(`a file that is copied and truncated ${when} is read to its end in the copy`, async (t) => {
    const { path, one } = reading(t, "trades.ndjson");
    writeFileSync(path, "a long first line\nb\n");
    assert.deepEqual(await one.texts(), ["a long first line", "b"]);
    appendFileSync(path, "c\n");
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
    appendFileSync(path, "d\n");
    if (restarts) await one.restart();
    assert.deepEqual(await one.texts(), ["c", "d"]);
    assert.deepEqual(one.problems, []);
  });

  test(`a file that is replaced ${when} by a longer copy of itself continues`, async (t) => {
    const { path, one } = reading(t, "trades.ndjson");
    writeFileSync(path, "a\nb\n");
    assert.deepEqual(await one.texts(), ["a", "b"]);
    writeFileSync(`${path}.part`, "a\nb\nc\n");
    renameSync(`${path}.part`, path);
    if (restarts) await one.restart();
    assert.deepEqual(await one.texts(), ["c"]);
    assert.deepEqual(one.problems, []);
  });
}

test("what a program still writes to a file that was just rotated is read before the new file", async (t) => {
  const { path, one } = reading(t, "trades.ndjson", { endsAtEnd: false, pollMs: 30_000 });
  writeFileSync(path, "a\n");
  assert.deepEqual(await one.texts(1), ["a"]);
  const waiting = one.texts(2);
  renameSync(path, `${path}.1`);
  writeFileSync(path, "c\n");
  // The reading may look now, or later; both must give the same.
  for (let turn = 0; turn < 300; turn++) await new Promise(setImmediate);
  appendFileSync(`${path}.1`, "b\n");
  for (let turn = 0; turn < 300; turn++) await new Promise(setImmediate);
  age(`${path}.1`, LONG_AGO);
  assert.deepEqual(await waiting, ["b", "c"]);
});

test("several rotations while nobody reads leave nothing out", async (t) => {
  const { path, one } = reading(t, "trades.ndjson");
  writeFileSync(path, "a\n");
  assert.deepEqual(await one.texts(), ["a"]);
  appendFileSync(path, "b\n");
  renameSync(path, `${path}.2`);
  age(`${path}.2`, 300);
  writeFileSync(`${path}.1`, "c\n");
  age(`${path}.1`, 200);
  writeFileSync(path, "d\n");
  await one.restart();
  assert.deepEqual(await one.texts(), ["b", "c", "d"]);
});

test("a file that is truncated and grows again while its next bytes are read leaves nothing out", async (t) => {
  const { path, one } = reading(t, "trades.ndjson");
  const first = "a long first line\n";
  writeFileSync(path, first);
  assert.deepEqual(await one.texts(), ["a long first line"]);
  const handle = await open(path);
  const files = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const read = files.read as (...args: unknown[]) => Promise<{ bytesRead: number; buffer: Buffer }>;
  let isRotated = false;
  // A real program does this at that moment only by chance.
  t.mock.method(files, "read", function (this: FileHandle, ...args: unknown[]) {
    if (!isRotated && args[3] === first.length) {
      isRotated = true;
      copyFileSync(path, `${path}.1`);
      truncateSync(path);
      writeFileSync(path, "c, a longer first\nd\n");
    }
    return read.apply(this, args);
  });
  appendFileSync(path, "b\n");
  assert.deepEqual(await one.texts(), ["b", "c, a longer first", "d"]);
  assert.ok(isRotated);
  assert.deepEqual(one.problems, []);
});

test("a file that was copied and truncated again before anything was read of it leaves nothing out", async (t) => {
  const { path, one } = reading(t, "trades.ndjson", { endsAtEnd: false });
  const rotate = (name: string, changedSecondsAgo: number): void => {
    copyFileSync(path, name);
    age(name, changedSecondsAgo);
    truncateSync(path);
  };
  writeFileSync(path, "a\n");
  assert.deepEqual(await one.texts(1), ["a"]);
  rotate(`${path}.1`, 300);
  // The place is now the beginning of the truncated file.
  await one.step();
  for (const [n, text] of ["b", "c"].entries()) {
    appendFileSync(path, `${text}\n`);
    rotate(`${path}-2026010${n}`, 200 - n);
  }
  appendFileSync(path, "d\n");
  await one.restart();
  assert.deepEqual(await one.texts(3), ["b", "c", "d"]);
  assert.deepEqual(one.problems, []);
});

test("a rotated file that was compressed is found by its content", async (t) => {
  const { path, one } = reading(t, "trades.ndjson");
  writeFileSync(path, "a\n");
  assert.deepEqual(await one.texts(), ["a"]);
  rmSync(path);
  writeFileSync(`${path}.1.gz`, gzipSync("a\nb\n"));
  age(`${path}.1.gz`, LONG_AGO);
  writeFileSync(path, "c\n");
  await one.restart();
  assert.deepEqual(await one.texts(), ["b", "c"]);
});

test("a file that was cut, or replaced by another one, is read from its beginning, and that is said", async (t) => {
  const { path, one } = reading(t, "trades.ndjson");
  writeFileSync(path, "a\nb\n");
  await one.texts();
  writeFileSync(path, "c\n");
  assert.deepEqual(await one.texts(), ["c"]);
  assert.match(one.problems.at(-1) ?? "", /trades\.ndjson was truncated after byte 4 was read/);
  writeFileSync(`${path}.part`, "other\n");
  renameSync(`${path}.part`, path);
  await one.restart();
  assert.deepEqual(await one.texts(), ["other"]);
  assert.match(one.problems.at(-1) ?? "", /was replaced, and the former file is gone/);
});

test("a half written last line waits for its rest; with the end of a finished file it is complete", async (t) => {
  const { path, one } = reading(t, "trades.ndjson", { endsAtEnd: false });
  writeFileSync(path, "a\nhal");
  assert.deepEqual(await one.texts(1), ["a"]);
  appendFileSync(path, "f\nres");
  assert.deepEqual(await one.texts(1), ["half"]);
  age(path, LONG_AGO);
  await one.restart({ endsAtEnd: true });
  assert.deepEqual(await one.texts(), ["res"]);
});

test("the last line of a file is complete when the next file exists", async (t) => {
  const { folder, one } = reading(t, "t-*.ndjson", { endsAtEnd: false });
  writeFileSync(join(folder, "t-1.ndjson"), "a\nb");
  assert.deepEqual(await one.texts(1), ["a"]);
  writeFileSync(join(folder, "t-2.ndjson"), "c\n");
  assert.deepEqual(await one.texts(2), ["b", "c"]);
});

test("files of a folder are read in the order of their names, gzip among them, and removed ones are passed over", async (t) => {
  const { folder, one } = reading(t, ".");
  writeFileSync(join(folder, "1.ndjson"), "a\n");
  writeFileSync(join(folder, "2.ndjson.gz"), gzipSync("b\nc\n"));
  writeFileSync(join(folder, "3.ndjson"), "d\n");
  writeFileSync(join(folder, ".hidden"), "x\n");
  assert.deepEqual(await one.texts(), ["a", "b", "c", "d"]);
  for (const name of ["1.ndjson", "2.ndjson.gz", "3.ndjson"]) rmSync(join(folder, name));
  writeFileSync(join(folder, "4.ndjson"), "e\n");
  await one.restart();
  assert.deepEqual(await one.texts(), ["e"]);
});

test("a large gzip file continues at every kept position", async (t) => {
  const { path, one } = reading(t, "trades.ndjson.gz");
  const lines = Array.from({ length: 20_000 }, (_, i) => `{"n":${i},"x":"${"y".repeat(300)}"}`);
  writeFileSync(path, gzipSync(`${lines.join("\n")}\n`));
  const texts: string[] = [];
  for (;;) {
    const some = await one.texts(1);
    if (some.length === 0) break;
    texts.push(...some);
    await one.restart();
  }
  assert.deepEqual(texts, lines);
});

test("a damaged gzip file is a problem that is retried", async (t) => {
  const { path, one } = reading(t, "trades.ndjson.gz");
  writeFileSync(path, gzipSync("a\nb\n").subarray(0, 18));
  await assert.rejects(one.texts(), { code: "unavailable", retryable: true });
  writeFileSync(path, gzipSync("a\nb\n"));
  assert.deepEqual(await one.texts(), ["a", "b"]);
});

test("from: end begins behind the last whole line, and keeps that place at once", async (t) => {
  const { path, one } = reading(t, "trades.ndjson", { from: "end" });
  writeFileSync(path, "a\nb\nhal");
  assert.deepEqual(await one.texts(0), []);
  age(path, 0);
  const kept = new FileReading({ path, from: "end", endsAtEnd: false });
  t.after(() => kept.close());
  const waiting = kept.texts(1);
  while (kept.kept === undefined) await new Promise(setImmediate);
  appendFileSync(path, "f\n");
  assert.deepEqual(await waiting, ["half"]);
});

test("files with the same long header are not taken for one another", async (t) => {
  const table = { delimiter: ",", columns: undefined };
  const { path, one } = reading(t, "trades.csv", { table });
  const header = Array.from({ length: 400 }, (_, i) => `column${i}`);
  const rowOf = (value: string): string => `${header.map(() => value).join(",")}\n`;
  const cellOf = (text: string): unknown => Object.values(JSON.parse(text))[0];
  writeFileSync(path, `${header.join(",")}\n${rowOf("a")}`);
  assert.deepEqual((await one.texts()).map(cellOf), ["a"]);
  rmSync(path);
  writeFileSync(path, `${header.join(",")}\n${rowOf("b")}${rowOf("c")}`);
  await one.restart();
  assert.deepEqual((await one.texts()).map(cellOf), ["b", "c"]);
});

test("a file that does not exist yet is waited for", async (t) => {
  const { path, one } = reading(t, "trades.ndjson", { endsAtEnd: false });
  const waiting = one.texts(1);
  while (one.problem === undefined) await new Promise(setImmediate);
  assert.match(one.problem, /trades\.ndjson does not exist yet/);
  writeFileSync(path, "a\n");
  assert.deepEqual(await waiting, ["a"]);
  assert.equal(one.problem, undefined);
});

test("a path that is no file is a problem that is retried", async (t) => {
  const { one } = reading(t, "../../dev/null");
  await assert.rejects(one.texts(), { code: "unavailable", retryable: true, message: /not a regular file/ });
});

test("blank lines, \\r\\n and a byte order mark are no part of records", async (t) => {
  const { path, one } = reading(t, "trades.ndjson");
  writeFileSync(path, "\ufeffa\r\n\r\n  \nb\r\n");
  assert.deepEqual(await one.texts(), ["a", "b"]);
  assert.deepEqual(one.rows, [1, 4]);
});

test("a line longer than a record may be is cut to one byte more, and the next line follows", async (t) => {
  const { path, one } = reading(t, "trades.ndjson");
  const longest = "x".repeat(RECORD_BYTES_MAX);
  writeFileSync(path, `${longest}\n${"y".repeat(9 * RECORD_BYTES_MAX)}\nnext\n`);
  const texts = await one.texts();
  assert.deepEqual(
    texts.map((text) => [text[0], text.length]),
    [
      ["x", RECORD_BYTES_MAX],
      ["y", RECORD_BYTES_MAX + 1],
      ["n", 4],
    ],
  );
  assert.deepEqual(one.rows, [1, 2, 3]);
});

test("rows of a table are objects, and the header is known after restarts and rotations", async (t) => {
  const { path, one } = reading(t, "trades.csv", { table: { delimiter: ";", columns: undefined } });
  writeFileSync(path, 'id;"the ""name"""\n1;"a;\nb"\n');
  assert.deepEqual(await one.texts(), ['{"id":"1","the \\"name\\"":"a;\\nb"}']);
  appendFileSync(path, "2;c\n");
  await one.restart();
  assert.deepEqual(await one.texts(), ['{"id":"2","the \\"name\\"":"c"}']);
  // With a header again, and without one.
  for (const [n, header] of ['id;"the ""name"""\n', ""].entries()) {
    renameSync(path, `${path}.${n}`);
    writeFileSync(path, `${header}${3 + n};d\n5\n`);
    await one.restart();
    assert.deepEqual(
      await one.texts(),
      [`{"id":"${3 + n}","the \\"name\\"":"d"}`, "5"],
      "a row that does not fit stays",
    );
  }
});

test("a header with another delimiter, or with an open quote, is no header", async (t) => {
  for (const header of ["id;x;y", 'id,"x,y']) {
    const { path, one } = reading(t, "t.csv", { table: { delimiter: ",", columns: undefined } });
    writeFileSync(path, `${header}\n1;a;b\n`);
    await assert.rejects(one.texts(), {
      code: "bad_request",
      message: /no second column: .* `delimiter` into the mapping/,
    });
  }
});

test("with from: end the header of a table is read all the same", async (t) => {
  const { path, one } = reading(t, "t.csv", { from: "end", table: { delimiter: ",", columns: undefined } });
  writeFileSync(path, "id,x\n1,a\n");
  assert.deepEqual(await one.texts(), []);
  appendFileSync(path, "2,b\n");
  assert.deepEqual(await one.texts(), ['{"id":"2","x":"b"}']);
});
