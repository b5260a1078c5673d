import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { JsonValues } from "../../../src/cli/replay/json-values.ts";
import { RECORD_BYTES_MAX } from "../../../src/codecs/limits.ts";
import { seedOf } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";
import { EVENT_TIME_MS, event, HEADER, overviewOf, replay, row, writerInto } from "./replay-files.ts";

const FIXTURES = join(import.meta.dirname, "../../fixtures/replay");
const CHECKSUM = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

describe("kinds of files", () => {
  test("NDJSON, arrays, objects over several lines and tables with a mapping make one stream, compressed or not", async (t) => {
    const write = writerInto(tempDir(t));
    const map = write(
      "m.yaml",
      `swaps: [{ chain_id: { value: 1 }, tx_hash: hash, log_index: { value: 0 }, token: { value: T }, side: { value: buy }, amount_token: a, amount_usd: u, ts: when }]`,
    );
    const lines = Array.from({ length: 900 }, (_, i) => event(`0x${i}`));
    const indented = (part: string[]): string =>
      part.map((line) => JSON.stringify(JSON.parse(line), null, 2)).join("\n");
    const files = [
      write("base.ndjson", lines.slice(0, 100).join("\n")),
      write("trades.csv", `hash,a,u,when\n0xa,1,10,${EVENT_TIME_MS}\n`),
      write("array", `\uFEFF[${lines.slice(100, 200).join(",\n")}]\n`),
      write("pretty.json", indented(lines.slice(200, 300))),
      write(
        "two-members.gz",
        Buffer.concat([300, 350].map((at) => gzipSync(`${lines.slice(at, at + 50).join("\n")}\n`))),
      ),
      write(
        "two-frames.zst",
        Buffer.concat([400, 450].map((at) => zstdCompressSync(`${lines.slice(at, at + 50).join("\n")}\n`, CHECKSUM))),
      ),
      write("both", gzipSync(zstdCompressSync(lines.slice(500, 600).join("\n")))),
      write("first-line-bad", `garbage\n${lines.slice(600, 700).join("\n")}`),
      write(
        "objects.json",
        lines
          .slice(700, 800)
          .map((line) => JSON.stringify({ ...JSON.parse(line), extra: { deep: [1] } }))
          .join("\n"),
      ),
    ];
    const { counters, code } = await overviewOf(...files, "--map", map);
    assert.equal(code, 0);
    assert.deepEqual([counters.applied, counters.dead_letters], [801, { malformed_json: 1 }]);
  });

  test("objects with other names are mapped, also if some names are those of a swap, and numbers stay exact", async (t) => {
    const write = writerInto(tempDir(t));
    const map = write(
      "m.yaml",
      "swaps: [{ chain_id: { value: 1 }, tx_hash: id, log_index: { value: 0 }, token: token, side: side, amount_token: qty, amount_usd: usd, ts: at.ms }]",
    );
    const trade = (id: string, qty: string): string =>
      `{"id":${id},"token":"T","side":"buy","qty":${qty},"usd":1.5,"at":{"ms":${EVENT_TIME_MS}}}`;
    const file = write(
      "t.ndjson",
      `${trade("1", "12345678901234567.123456789")}\nnonsense\n${trade("9007199254740993", "1")}\n`,
    );
    const { counters, items } = await overviewOf(file, write("s.ndjson", event("0x1")), "--map", map);
    assert.deepEqual([counters.applied, counters.dead_letters], [3, { malformed_json: 1 }]);
    assert.equal(items[0]?.windows["24h"]?.volume_token, "12345678901234570.123456789");
    const envelope = await replay(write("e.json", `{"data":[${trade("1", "1")}]}`), "--map", map);
    assert.match(envelope.err, /data is a list: .*`each: \$\.data\[\*\]` in the mapping/);
    assert.match((await replay(write("long", "x,".repeat(100_000)))).err, /not a header of a table/);
  });

  test("an unreadable input is named with a solution", async (t) => {
    const write = writerInto(tempDir(t));
    const utf16 = Buffer.from(`${HEADER}\n${row("0x1")}\n`, "utf16le");
    const cases: [Uint8Array | string, RegExp][] = [
      ["PK\u0003\u0004\u0014\u0000a.csv", /zip archive.*unzip -p FILE \| swapstats replay -/],
      ["PK\u0003\u0004\u0014\u0000[Content_Types].xml", /Excel workbook.*save the sheet as CSV/],
      [Buffer.from("d0cf11e0a1b11ae1", "hex"), /Excel workbook/],
      ["BZh91AY", /bzip2 -dc FILE/],
      [Buffer.from("fd377a585a00", "hex"), /xz -dc FILE/],
      [Buffer.from("377abcaf271c", "hex"), /7-Zip/],
      ["Obj\u0001\u0004", /is Avro/],
      ["ORC\u0001", /is ORC/],
      ["%PDF-1.7", /is a PDF/],
      [utf16, /UTF-16.*iconv/],
      [Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]), /UTF-16.*iconv/],
      ["<!DOCTYPE html><p>404", /is HTML.*error page/],
      ["<html><body>", /is HTML/],
      ['<?xml version="1.0"?>', /is XML/],
      [Buffer.from([0, 0, 0, 0, 7, 2, 0x54]), /neither text nor a known kind of file/],
      [`${"x".repeat(257)}ustar`, /tar archive/],
    ];
    for (const [content, pattern] of cases) {
      for (const packed of [false, true]) {
        const file = write("file", packed ? gzipSync(content) : content);
        const { code, err } = await replay(file);
        assert.equal(code, 1);
        assert.match(err, pattern);
      }
    }
  });

  test("a truncated file counts up to its end, and then fails", async (t) => {
    const write = writerInto(tempDir(t));
    const text = Array.from({ length: 20_000 }, (_, i) => event(`0x${i}`, { who: `w${(i * 7_919) % 9_973}` })).join(
      "\n",
    );
    const whole = { "a.gz": gzipSync(text), "a.zst": zstdCompressSync(text) };
    for (const [name, bytes] of Object.entries(whole)) {
      const { code, counters, err } = await overviewOf(write(name, bytes.subarray(0, bytes.length * 0.7)));
      assert.equal(code, 1);
      assert.ok(counters.applied > 9_000 && counters.applied < 19_000, `${name}: ${counters.applied}`);
      assert.match(err, /damaged or cut \(.*\); compress it again/);
    }
    const array = await overviewOf(write("a.json", `[${event("0x1")},${event("0x2")},{"tx`));
    assert.deepEqual([array.code, array.counters.applied], [1, 2]);
    assert.match(array.err, /its JSON ends in the middle/);
  });

  test("an unreadable file is reported before any file has an effect", async (t) => {
    const write = writerInto(tempDir(t));
    const files = [write("a.ndjson", event("0x1")), write("b.zip", "PK\u0003\u0004")];
    const { code, out, err } = await replay(...files);
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /b\.zip is a zip archive/);
  });

  test("a lost quote in an array makes only its own element a dead letter", async (t) => {
    const write = writerInto(tempDir(t));
    const broken = event("0x2").replace('"token":"T"', '"token":"T');
    const { counters } = await overviewOf(
      write("a.json", `[\n${[event("0x1"), broken, event("0x3"), "7"].join(",\n")}\n]`),
    );
    assert.equal(counters.applied, 2);
    assert.equal(counters.accepted, 4);
  });

  test("standard input is read like a file, and twice if the order requires it", () => {
    const main = join(import.meta.dirname, "../../../src/main.ts");
    const lines = [event("0x1"), event("0x2", { event_time: EVENT_TIME_MS - 3_600_000 })].join("\n");
    for (const args of [[], ["--order", "file"], ["--order", "time"]]) {
      for (const input of [lines, gzipSync(lines), readFileSync(join(FIXTURES, "swaps-zstd.parquet"))]) {
        const out = execFileSync(process.execPath, [main, "replay", "-", "--format", "json", ...args], {
          input,
          stdio: ["pipe", "pipe", "ignore"],
        });
        const { counters } = JSON.parse(out.toString());
        assert.equal(counters.dead_letters.malformed_json, undefined);
        assert.ok(counters.accepted >= 2);
      }
    }
  });
});

describe("values of a JSON document", () => {
  test("values are returned one per line, however the bytes are split", (t) => {
    const input = fc.record({
      values: fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 8 }),
      space: fc.constantFrom("", "\n  ", " ", "\r\n"),
      isArray: fc.boolean(),
      size: fc.integer({ min: 1, max: 30 }),
      indent: fc.constantFrom(0, 2),
    });
    fc.assert(
      fc.property(input, ({ values, space, isArray, size, indent }) => {
        const used = isArray ? values : values.map((value) => ({ value }));
        const texts = used.map((value) => JSON.stringify(value, null, indent));
        const text = isArray
          ? `${space}[${space}${texts.join(`,${space}`)}${space}]${space}`
          : texts.join(`${space}\n`);
        const bytes = Buffer.from(text);
        const splitter = new JsonValues();
        let out = "";
        for (let at = 0; at < bytes.length; at += size)
          out += splitter.push(bytes.subarray(at, at + size)).bytes.toString();
        const { bytes: last, isCut } = splitter.end();
        out += last.toString();
        assert.deepEqual(
          out
            .split("\n")
            .filter((line) => line !== "")
            .map((line) => JSON.parse(line)),
          used.map((value) => JSON.parse(JSON.stringify(value))),
        );
        assert.equal(isCut, false);
      }),
      { seed: seedOf(t) },
    );
  });

  test("a value above the size limit of a record is cut just above it", () => {
    const splitter = new JsonValues();
    const { bytes, count } = splitter.push(Buffer.from(`[{"a":"${"x".repeat(3 * RECORD_BYTES_MAX)}"},{"b":1}]`));
    assert.equal(count, 2);
    const [first, second] = bytes.toString().split("\n");
    assert.equal(first?.length, RECORD_BYTES_MAX + 1);
    assert.equal(second, '{"b":1}');
  });
});

describe("Parquet", () => {
  test("values are exact, whatever compression the pages have", async () => {
    for (const name of ["snappy", "gzip", "zstd", "brotli", "lz4", "ns"]) {
      const { counters, items, as_of } = await overviewOf(join(FIXTURES, `swaps-${name}.parquet`), "--window", "1h");
      assert.deepEqual([counters.applied, counters.dead_letters, as_of], [3, {}, 1_691_514_840_000], name);
      const [token] = items;
      assert.equal(token?.id, `1:0x${"c0".repeat(20)}`);
      assert.equal(token?.symbol, "PAR");
      const { volume_token, volume_usd, first_trade_time, open } = token?.windows["1h"] ?? {};
      assert.equal(volume_token, "12345678901234567892.123456789012345679");
      assert.equal(volume_usd, "9008433821.964447");
      assert.deepEqual([first_trade_time, open], [EVENT_TIME_MS, "0.1"]);
    }
  });

  test("a file is mapped, with nested columns, and missing ones are named", async (t) => {
    const write = writerInto(tempDir(t));
    const file = join(FIXTURES, "swaps-zstd.parquet");
    const fields =
      "chain_id: { value: 1 }, tx_hash: tx_hash, log_index: log_index, side: side, amount: amount_token, usd: amount_usd, ts: event_time";
    const map = (more: string): string => write("m.yaml", `swaps: [{ ${fields}, ${more} }]`);
    const { counters, items } = await overviewOf(file, "--map", map("token: token_symbol"));
    assert.deepEqual([counters.applied, counters.dead_letters, items[0]?.id], [2, { missing_field: 1 }, "1:PAR"]);
    assert.match((await replay(file, "--map", map("token: extra.a"))).err, /column extra\.a is nested/);
    assert.match((await replay(file, "--map", map("token: tokn"))).err, /has no column tokn \(did you mean token\?\)/);
  });

  test("damage is reported, and earlier rows count", async (t) => {
    const write = writerInto(tempDir(t));
    const bytes = readFileSync(join(FIXTURES, "swaps-zstd.parquet"));
    for (const content of [
      bytes.subarray(0, 3000),
      Buffer.concat([bytes.subarray(0, -8), Buffer.from("ffffff7f50415231", "hex")]),
    ]) {
      const { code, err } = await replay(write("p", content));
      assert.equal(code, 1);
      assert.match(err, /damaged Parquet/);
    }
    for (let at = 4; at < bytes.length - 8; at += 97) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ 0xff;
      const { err } = await replay(write("p", flipped));
      assert.ok(!err.includes("unexpected error"), err);
    }
  });
});
