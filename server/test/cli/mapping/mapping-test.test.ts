import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runMappingTest } from "../../../src/cli/mapping/mapping-test.ts";
import { runCli } from "../../../src/cli/run.ts";
import { memoryOutput } from "../../support/memory-output.ts";
import { tempDir } from "../../support/tmp.ts";
import { event, writerInto } from "../replay/replay-files.ts";
import { readyFolder, samplePath } from "./ready-mappings.ts";

const never = new AbortController().signal;

async function mapping(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const output = memoryOutput();
  const code = await runCli(["mapping", ...args], output, never);
  return { code, out: output.outText(), err: output.errText() };
}

const YAML =
  "swaps: [{ when: k != skip, chain_id: 1, tx_hash: h, log_index: 0, token: { value: T }, side: k, amount: a, usd: 2, ts: t }]";
const record = (hash: string, more: object = {}): string =>
  JSON.stringify({ h: hash, k: "buy", a: "1.50", t: 1_767_322_800_123, ...more });

describe("mapping test", () => {
  test("shows swaps, skipped and refused ones with their places, copies, and a summary", async (t) => {
    const write = writerInto(tempDir(t));
    const map = write("m.yaml", YAML);
    const lines = [record("0x1"), record("0x2", { k: "skip" }), record("0x3", { k: "BUY" }), record("0x1"), "nonsense"];
    const { code, out, err } = await mapping("test", "--map", map, write("a.ndjson", lines.join("\n")));
    assert.deepEqual([code, err], [0, ""]);
    assert.match(
      out,
      /^row 1: 1 swap\n {2}buy 1\.50 of T for 2 USD at 2026-01-02T03:00:00\.123Z\n {4}chain_id 1 {2}tx_hash 0x1/,
    );
    assert.match(out, /\nrow 2: 1 skipped by `when`\n/);
    assert.match(out, /\nrow 3: 1 refused\n {2}refused, bad_side: swaps\[0\]\.side from `k` is "BUY"; side must be/);
    assert.match(out, /record: \{"h":"0x3"/);
    assert.match(out, /\nrow 4: 1 swap\n(?:.*\n)+? {4}\^ a copy: an earlier swap has this identity\n/);
    assert.match(out, /refused, malformed_json/);
    assert.match(out, /\n5 records read: 2 swaps, 1 skipped, 2 refused\.\nOne swap has the identity of an earlier one/);
    const width = Math.max(...out.split("\n").map((line) => line.length));
    assert.ok(width <= 100, `${width} characters`);
  });

  test("prints JSON whose events are those of the mapper, with numbers as they are written", async () => {
    const folder = readyFolder("the-graph-swaps");
    const args = ["--map", join(folder, "mapping.yaml"), "--format", "json"];
    const { code, out } = await mapping("test", ...args, samplePath("the-graph-swaps"));
    assert.equal(code, 0);
    // A double would cut them.
    assert.match(out, /"amount_usd":"?1550\.123456000000000000000000000000000001\b/);
    const { records, summary } = JSON.parse(out);
    assert.deepEqual(summary, { records: 1, swaps: 2, skipped: 0, refused: 0, copies: 0 });
    assert.deepEqual([records[0].row, records[0].events.length, records[0].refused], [1, 2, []]);
    const dune = readyFolder("dune-trades");
    const bad = await mapping(
      "test",
      "--map",
      join(dune, "mapping.yaml"),
      "--format",
      "json",
      samplePath("dune-trades"),
    );
    const [refused] = JSON.parse(bad.out).records[2].refused;
    assert.deepEqual([refused.code, refused.field, refused.value], ["bad_chain_id", "chain_id", "gnosis"]);
    assert.match(refused.message, /^swaps\[0\]\.chain_id from `blockchain` is "gnosis"/);
  });

  test("fails when no swap comes out, and with --strict when a record is refused", async (t) => {
    const write = writerInto(tempDir(t));
    const map = write("m.yaml", YAML);
    const mixed = write("a.ndjson", `${record("0x1")}\n${record("0x2", { k: "x" })}`);
    assert.equal((await mapping("test", "--map", map, mixed)).code, 0);
    assert.equal((await mapping("test", "--map", map, mixed, "--strict")).code, 1);
    assert.equal((await mapping("test", "--map", map, mixed, "--strict", "--rows", "1")).code, 0);
    const none = await mapping("test", "--map", map, write("n.ndjson", record("0x1", { k: "skip" })));
    assert.equal(none.code, 1);
    assert.match(none.out, /1 record read: 0 swaps, 1 skipped/);
    const missing = await mapping("test", "--map", map, write("t.csv", "h,k,a\n0x1,buy,1\n"));
    assert.equal(missing.code, 1);
    assert.match(missing.err, /t\.csv has no column t; its columns are h, k, a/);
    assert.equal((await mapping("test", mixed)).code, 2);
    assert.equal((await mapping("test", "--map", map, mixed, "--rows", "0")).code, 2);
    assert.match((await mapping("test", "--map", "/nowhere", mixed)).err, /does not exist/);
  });

  test("fits an 80-column terminal, reads standard input, and shows no control character", async (t) => {
    const write = writerInto(tempDir(t));
    const map = write("m.yaml", YAML);
    const output = { ...memoryOutput(), outIsTerminal: true, columns: () => 80 };
    const hash = `0x${"ab".repeat(32)}`;
    const text = `${record(hash)}\n${record(hash, { k: "\u001b[2J", a: "9".repeat(300) })}\n`;
    const command = { mapPath: map, rows: 10, format: "text", isStrict: false, registry: undefined } as const;
    await runMappingTest("-", command, output, never, async function* () {
      yield Buffer.from(text);
    });
    const lines = output.outText().split("\n");
    assert.ok(
      lines.every((line) => line.length <= 80),
      output.outText(),
    );
    assert.ok(!output.outText().includes("\u001b"));
    assert.ok(output.outText().includes(`tx_hash ${hash}`), "a hash stays in one line");
  });
});

describe("mapping guess", () => {
  test("prints a mapping that mapping test accepts, from a file and from standard input", async (t) => {
    const write = writerInto(tempDir(t));
    const sample = samplePath("id-who-token");
    const { code, out, err } = await mapping("guess", sample);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /^# Guessed by `swapstats mapping guess` from the first 2 records of .*: 2 swaps come out\.\n/);
    const tested = await mapping("test", "--strict", "--map", write("m.yaml", out), sample);
    assert.equal(tested.code, 0, tested.out);
  });

  test("fails when a field is missing, and says which", async (t) => {
    const write = writerInto(tempDir(t));
    const { code, out, err } = await mapping("guess", write("a.csv", "time,price\n2026-01-02T03:04:05Z,2\n"));
    assert.equal(code, 1);
    assert.match(err, /The records have nothing for token, side, amount_token, amount_usd: complete these lines/);
    assert.match(out, /# \? missing: the address or symbol of the token\n {4}token: CHANGE_ME\n/);
    const swaps = await mapping("guess", write("s.ndjson", event("0x1")));
    assert.match(swaps.err, /The records are swap events already, and need no mapping/);
    assert.match((await mapping("guess", write("empty", ""))).err, /has no records that a mapping could read/);
  });
});
