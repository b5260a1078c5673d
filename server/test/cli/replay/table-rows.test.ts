import assert from "node:assert/strict";
import { linkSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { ROW_BYTES_MAX, ROW_LINES_MAX, TableRows } from "../../../src/cli/replay/table-rows.ts";
import { MAPPING_BYTES_MAX } from "../../../src/mapping/limits.ts";
import { tempDir } from "../../support/tmp.ts";
import { EVENT_TIME_MS, event, HEADER, overviewOf, replay, row, writerInto } from "./replay-files.ts";

describe("rows that do not fit", () => {
  test("a row with too many or too few cells is a dead letter and is not counted", async (t) => {
    const write = writerInto(tempDir(t));
    const shifted = `1,0x2,0,T,buy,1,1,234.5,${EVENT_TIME_MS},`;
    const rows = [HEADER, row("0x1"), shifted, "1,0x3,0,T,buy", row("0x4")];
    const { counters, items, err, code } = await overviewOf(write("t.csv", rows.join("\n")));
    assert.equal(code, 0);
    assert.deepEqual(counters.dead_letters, { bad_row: 2 });
    assert.equal(counters.applied, 2);
    assert.equal(items[0]?.windows["24h"]?.volume_usd, "20");
    assert.match(err, /t\.csv, row 3: bad_row: the row has 10 cells, and the header 9/);
    assert.match(err, /t\.csv, row 4: bad_row: the row has 5 cells, and the header 9/);
  });

  test("a quote inside a cell is an ordinary character; quoted cells may hold quotes, delimiters and line feeds", async (t) => {
    const write = writerInto(tempDir(t));
    const rows = [HEADER, row("0x1", '5" PIZZA'), row("0x2", '"a ""b"", c\nd"'), row("0x3", '"x" '), row("0x4")];
    const { counters } = await overviewOf(write("t.csv", rows.join("\r\n")));
    assert.deepEqual([counters.applied, counters.dead_letters], [4, {}]);
  });

  test("a broken quote makes only its own row a dead letter", async (t) => {
    const write = writerInto(tempDir(t));
    const rows = [HEADER, row("0x1", '"5" PIZZA"'), row("0x2", '"never closed'), row("0x3"), row("0x4", '"fine"')];
    const many = Array.from({ length: 3000 }, (_, i) => row(`0xa${i}`));
    for (const text of [rows.join("\n"), [...rows, ...many].join("\n"), [...rows.slice(0, 3), ...many].join("\n")]) {
      const { counters, err } = await overviewOf(write("t.csv", text));
      assert.deepEqual(counters.dead_letters, { bad_row: 2 });
      assert.equal(counters.applied, counters.accepted - 2);
      assert.match(err, /row 2: bad_row: there is text after the quote/);
      assert.match(err, /row 3: bad_row: .*(not closed|after the quote)/);
    }
  });

  test("two stray quotes around a line feed hide no row", async (t) => {
    const write = writerInto(tempDir(t));
    const rows = [HEADER, row("0x1", '"open'), `${row("0x2")}x",`, row("0x3")];
    const { counters } = await overviewOf(write("t.csv", rows.join("\n")));
    // The first row is no row; the second has one cell too many.
    assert.deepEqual([counters.applied, counters.dead_letters], [1, { bad_row: 2 }]);
  });

  test("rows and columns are limited, and the row after one beyond the limit counts", async (t) => {
    const write = writerInto(tempDir(t));
    const long = row("0x1", "y".repeat(ROW_BYTES_MAX));
    const longer = row("0x2", "z".repeat(9 * 1024 * 1024));
    const { counters } = await overviewOf(write("t.csv", [HEADER, long, longer, row("0x3")].join("\n")));
    assert.deepEqual([counters.applied, counters.dead_letters], [1, { record_too_large: 2 }]);
    const wide = Array.from({ length: 10_001 }, (_, i) => `c${i}`).join(",");
    assert.match(
      (await replay(write("w.csv", `${wide},${HEADER}\n`))).err,
      /10010 columns, and at most 10000 are read/,
    );
  });

  test("bytes that are not UTF-8 make only their row a dead letter", async (t) => {
    const write = writerInto(tempDir(t));
    const bytes = Buffer.concat([
      Buffer.from(`${HEADER}\n${row("0x1")}`),
      Buffer.from([0xe9, 10]),
      Buffer.from(row("0x2")),
    ]);
    const { counters, err } = await overviewOf(write("t.csv", bytes));
    assert.deepEqual([counters.applied, counters.dead_letters], [1, { invalid_utf8: 1 }]);
    assert.match(err, /row 2: invalid_utf8: .*save it as UTF-8/);
  });

  test("the work for hostile quotes is proportional to the length of the file", () => {
    const linesSeen = (text: string): number => {
      const rows = new TableRows(",", "lf");
      rows.columns = 3;
      rows.push(Buffer.from(text));
      rows.end();
      while (rows.next() !== undefined);
      return rows.linesSeen;
    };
    for (const line of ['a","b\n', ',"\n', 'x,"y\n', '""",\n', '"\n', '"a"b\n', "\n", "a\n"]) {
      const [small, large] = [linesSeen(line.repeat(5_000)), linesSeen(line.repeat(20_000))];
      assert.ok(large <= 4.1 * small + 2 * ROW_LINES_MAX, `${JSON.stringify(line)}: ${small}, ${large}`);
      assert.ok(large <= 2 * 20_000 + 2 * ROW_LINES_MAX, `${JSON.stringify(line)}: ${large}`);
    }
  });
});

describe("headers", () => {
  const swap = `swaps: [{ chain_id: { value: 1 }, tx_hash: hash, log_index: { value: 0 }, token: token, side: side, amount_token: amount, amount_usd: usd, event_time: time }]`;

  test("delimiters, byte order marks, line ends, empty lines and the case of names are recognised", async (t) => {
    const write = writerInto(tempDir(t));
    const map = write("m.yaml", swap);
    const table = (delimiter: string, end: string, mark = ""): string =>
      mark +
      [" Hash ", "TOKEN", "side", "amount", "usd", "time"].join(delimiter) +
      end +
      end +
      [
        ["0x1", "T", "buy", "2", "10", EVENT_TIME_MS],
        ["0x2", "T", "sell", "2", "10", EVENT_TIME_MS],
      ]
        .map((cells) => cells.join(delimiter))
        .join(end + end);
    for (const delimiter of [",", ";", "\t", "|"]) {
      for (const end of ["\n", "\r\n", "\r"]) {
        for (const text of [
          table(delimiter, end),
          table(delimiter, `${end}`, "\uFEFF"),
          `sep=${delimiter}${end}${table(delimiter, end)}`,
        ]) {
          const { counters, err } = await overviewOf(write("t.csv", text), "--map", map);
          assert.deepEqual([counters.applied, counters.dead_letters], [2, {}], JSON.stringify(text) + err);
        }
      }
    }
  });

  test("two columns of one name are refused when the mapping uses them", async (t) => {
    const write = writerInto(tempDir(t));
    const twice = write("t.csv", `hash,token,side,amount,usd,time,usd\n0x1,T,buy,2,10,${EVENT_TIME_MS},11\n`);
    const { code, err } = await replay(twice, "--map", write("m.yaml", swap));
    assert.equal(code, 1);
    assert.match(err, /t\.csv has two columns named usd; rename one of them/);
    const unused = write("u.csv", `hash,token,side,amount,usd,time,x,x\n0x1,T,buy,2,10,${EVENT_TIME_MS},1,2\n`);
    assert.equal((await overviewOf(unused, "--map", join(unused, "../m.yaml"))).counters.applied, 1);
    const plain = write("p.csv", `${HEADER},side\n${row("0x1")},sell\n`);
    assert.match((await replay(plain)).err, /two columns named side/);
  });

  test("missing columns are reported with the existing ones and a suggestion", async (t) => {
    const write = writerInto(tempDir(t));
    const map = write("m.yaml", swap);
    const file = write("t.csv", `hash,tokn,side,amount,usd,time\n0x1,T,buy,2,10,${EVENT_TIME_MS}\n`);
    const { code, err } = await replay(file, "--map", map);
    assert.equal(code, 1);
    assert.match(err, /has no column token \(did you mean tokn\?\); its columns are hash, tokn, side/);
    const none = write("n.csv", `0x1,T,buy,2,10,${EVENT_TIME_MS}\n`);
    assert.match((await replay(none, "--map", map)).err, /seems to have no header: .*`columns:`/);
    const fixed = write("fixed.yaml", `delimiter: "|"\n${swap}`);
    const semicolons = write("s.csv", `hash;token;side;amount;usd;time\n`);
    assert.match((await replay(semicolons, "--map", fixed)).err, /has them with ";"; change or remove `delimiter`/);
    assert.match((await replay(write("blank.csv", "\n\n  \n"), "--map", map)).err, /no header line/);
  });

  test("the mapping names the columns of a table without a header", async (t) => {
    const write = writerInto(tempDir(t));
    const map = write("m.yaml", `columns: [hash, token, side, amount, usd, time]\n${swap}`);
    const file = write("t.csv", `0x1,T,buy,2,10,${EVENT_TIME_MS}\n0x2,T,buy,2,10,${EVENT_TIME_MS}\n0x3,T,buy\n`);
    const { counters } = await overviewOf(file, "--map", map);
    assert.deepEqual([counters.applied, counters.dead_letters], [2, { bad_row: 1 }]);
  });

  test("a decimal comma is reported, and read if the mapping says so", async (t) => {
    const write = writerInto(tempDir(t));
    const text = `hash;token;side;amount;usd;time\n0x1;T;buy;2;1234,56;${EVENT_TIME_MS}\n0x2;T;buy;2;"1.234,5";${EVENT_TIME_MS}\n`;
    const file = write("t.csv", text);
    const refused = await overviewOf(file, "--map", write("m.yaml", swap));
    assert.equal(refused.code, 1);
    assert.deepEqual(refused.counters.dead_letters, { bad_amount_usd: 2 });
    assert.match(
      refused.err,
      /row 2: bad_amount_usd: swaps\[0\]\.amount_usd from `usd` is "1234,56".* decimal comma; .*`decimal: ","`/,
    );
    const read = await overviewOf(file, "--map", write("c.yaml", `decimal: ","\n${swap}`));
    assert.equal(read.items[0]?.windows["24h"]?.volume_usd, "2469.06");
  });
});

describe("mappings", () => {
  test("mappings are limited, and their errors suggest the correct name", async (t) => {
    const write = writerInto(tempDir(t));
    const file = write("t.csv", `${HEADER}\n${row("0x1")}\n`);
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefgh"
      .split("")
      .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcdefg"[i]}`).join(",")}]`)
      .join("\n")}\nswaps: *h\n`;
    const cases: [string, RegExp][] = [
      ["x".repeat(MAPPING_BYTES_MAX + 1), /more than 65536 bytes; is it the file of swaps\?/],
      [bomb, /line 1: a: is not a key/],
      ["swaps: [{ tokn: a }]", /tokn: is not a field of a swap \(did you mean token\?\)/],
      ["swaps:\n  - { token: a\n  - b", /line 3: is not valid YAML/],
      ["swap: []", /swap: is not a key; .*\(did you mean swaps\?\)/],
      [
        "swaps: [{ ts: { column: a, tme: utc } }]",
        /swaps\[0\]\.ts\.tme: is not a source or a modifier of a value \(did you mean time\?\)/,
      ],
      ["swaps: [{ side: { value: [1] } }]", /swaps\[0\]\.side\.value: must be a text, a number/],
      [`${"[".repeat(50_000)}`, /not valid YAML|nested too deeply/],
      [`swaps: [{ "a\u001b[2Jb": c }]`, /a\?\[2Jb/],
    ];
    for (const [text, pattern] of cases) {
      const { code, err } = await replay(file, "--map", write("m.yaml", text));
      assert.equal(code, 1, err.slice(0, 300));
      assert.match(err.slice(0, 2000), pattern);
      assert.ok(!err.includes("\u001b"));
      assert.ok(err.length < 8_000);
    }
    assert.match((await replay(file, "--map", tempDir(t))).err, /is not a file; check the path/);
    assert.match((await replay(file, "--map", "/nowhere")).err, /does not exist/);
  });

  test("mappings may name the index of the transaction, which is compared before that of the log", async (t) => {
    const write = writerInto(tempDir(t));
    const map = write(
      "m.yaml",
      "swaps: [{ chain_id: { value: 1 }, tx_hash: h, tx_index: x, log_index: l, block_number: { value: 7 }, token: { value: T }, side: { value: buy }, amount: a, usd: u, ts: t }]",
    );
    const rows = [
      ["0x1", 2, 0, 1, 40],
      ["0x2", 1, 9, 1, 10],
      ["0x3", 1, 3, 1, 30],
    ].map(([hash, tx, log, amount, usd]) => [hash, tx, log, amount, usd, EVENT_TIME_MS].join(","));
    for (const order of ["auto", "time"]) {
      const file = write("t.csv", ["h,x,l,a,u,t", ...rows].join("\n"));
      const { items } = await overviewOf(file, "--map", map, "--order", order);
      const { open, close } = items[0]?.windows["24h"] ?? {};
      assert.deepEqual([open, close], ["30", "40"]);
    }
  });
});

describe("dead letters", () => {
  test("the first ten dead letters are listed, all are written, and --strict makes them a failure", async (t) => {
    const folder = tempDir(t);
    const write = writerInto(folder);
    const bad = Array.from({ length: 15 }, (_, i) => event(`0xb${i}`, { side: "BUY" }));
    const file = write("a.ndjson", [event("0x1"), ...bad, '{"x":"y"}', event("0x2")].join("\n"));
    const table = write("b.csv.gz", gzipSync(`${HEADER}\n${row("0x3")}\n1,0x4\n`));
    const letters = join(folder, "letters.ndjson");
    const { code, err } = await replay(file, table, "--dead-letters", letters);
    assert.equal(code, 0);
    assert.match(err, /17 records are not swaps:/);
    assert.equal(err.match(/row \d+:/g)?.length, 10);
    assert.match(err, /a\.ndjson, row 2: bad_side: side is "BUY"/);
    assert.match(err, /and 7 more; --dead-letters FILE/);
    const all = readFileSync(letters, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(all.length, 17);
    const [first] = all;
    assert.deepEqual(
      [first.file, first.row, first.code, first.field, first.value],
      [file, 2, "bad_side", "side", "BUY"],
    );
    assert.equal(first.raw, bad[0]);
    assert.deepEqual([all[15].code, all[15].field], ["missing_field", "chain_id"]);
    assert.deepEqual([all[16].file, all[16].row, all[16].code, all[16].raw], [table, 3, "bad_row", "1,0x4"]);
    // Sorted rows have their places, too, and are reported once.
    const sorted = await replay(file, table, "--order", "time", "--dead-letters", letters, "--strict");
    assert.equal(sorted.code, 1);
    assert.match(sorted.err, /--strict was given/);
    const again = readFileSync(letters, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const places = (list: { file: string; row: number }[]): string[] =>
      list.map((one) => `${one.file}:${one.row}`).sort();
    assert.deepEqual(places(again), places(all));
    const evil = await replay(write("c.ndjson", `{"side":"\\u001b[2J"}\n\u001b[2J\n`));
    assert.ok(!`${evil.err}${evil.out}`.includes("\u001b"), evil.err);
  });

  test("a repeated pass reports no dead letter twice", async (t) => {
    const folder = tempDir(t);
    const write = writerInto(folder);
    const late = event("0x3", { event_time: EVENT_TIME_MS - 3_600_000 });
    const file = write("a.ndjson", [event("0x1"), "nonsense", late, event("0x2")].join("\n"));
    const letters = join(folder, "letters.ndjson");
    const { counters, err } = await overviewOf(file, "--dead-letters", letters);
    assert.deepEqual([counters.applied, counters.dead_letters], [3, { malformed_json: 1 }]);
    assert.match(err, /One record is not a swap/);
    assert.equal(readFileSync(letters, "utf8").trimEnd().split("\n").length, 1);
  });

  test("a replay that applies nothing fails, with another exit code than wrong usage", async (t) => {
    const write = writerInto(tempDir(t));
    const file = write("a.ndjson", '{"a":1}\n');
    assert.equal((await replay(file)).code, 1);
    assert.match((await replay(file)).err, /nothing was applied/);
    for (const args of [
      ["--whole"],
      ["--into", "x", "--to", "http://127.0.0.1:1"],
      ["--into", "x", "--speed", "2x"],
      ["--into", "x", "--arrival", "1760000000000"],
      // With seconds as milliseconds, no swap would be in time.
      ["--arrival", "1760000000"],
      ["--into", "x", "--window", "1h"],
      ["--dead-letters", file],
      ["-", "-"],
    ]) {
      assert.equal((await replay(file, ...args)).code, 2, args.join(" "));
    }
  });

  test("dead letters never replace an input file, whatever its name", async (t) => {
    const folder = tempDir(t);
    const write = writerInto(folder);
    const file = write("a.ndjson", event("0x1"));
    const map = write("m.yaml", "swaps: [{chain_id: {value: 1}}]");
    const [soft, hard] = [join(folder, "soft"), join(folder, "hard")];
    symlinkSync(file, soft);
    linkSync(file, hard);
    for (const path of [file, soft, hard, map]) {
      const { code, err } = await replay(file, "--map", map, "--dead-letters", path);
      assert.equal(code, 2, path);
      assert.match(err, /would overwrite an input file/);
    }
    assert.equal(readFileSync(file, "utf8"), event("0x1"));
    assert.notEqual(readFileSync(map, "utf8"), "");
  });
});
