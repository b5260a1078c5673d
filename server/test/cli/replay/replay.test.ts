import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { runCli } from "../../../src/cli/run.ts";
import { GENERATOR_DEFAULTS } from "../../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../../src/generator/swap-generator.ts";
import { LATER_FIGURES, loadVector, vectorNames } from "../../model/vectors.ts";
import { memoryOutput } from "../../support/memory-output.ts";
import { assertTotals, REAL_EVENTS, REAL_MAPPING, realRows } from "../../support/real-file.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";

const never = new AbortController().signal;

type Figures = Record<string, unknown>;
type Overview = {
  as_of: number;
  counters: Record<string, unknown>;
  items: { id: string; symbol?: string; windows: Record<string, Figures> }[];
};

async function replay(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const output = memoryOutput();
  const code = await runCli(["replay", ...args], output, never);
  return { code, out: output.outText(), err: output.errText() };
}

async function replayJson(...args: string[]): Promise<Overview> {
  const { code, out, err } = await replay(...args, "--format", "json");
  assert.equal(code, 0, err);
  return JSON.parse(out) as Overview;
}

function syntheticLines(count: number, disorderMs: number): string[] {
  const generator = new SwapGenerator({ ...GENERATOR_DEFAULTS, tokens: 20, ratePerSecond: 10, disorderMs });
  const target = Buffer.alloc(RECORD_BYTES_MAX);
  return Array.from({ length: count }, () => target.toString("latin1", 0, generator.write(target, 0) - 1));
}

/** Figures as the vectors' documentation wants them: derived ones within a unit of the 15th digit. */
function assertFigures(actual: Figures, expected: Figures, where: string): void {
  const derived = new Set(["vwap", "open", "high", "low", "close", "price_change", "price_change_pct"]);
  const names = Object.keys(actual).filter((name) => !LATER_FIGURES.includes(name));
  assert.deepEqual(names.sort(), Object.keys(expected).sort(), where);
  const scale = Math.max(Math.abs(Number(expected.open ?? 0)), Math.abs(Number(expected.close ?? 0)));
  for (const [name, value] of Object.entries(expected)) {
    if (!derived.has(name)) {
      assert.deepEqual(actual[name], value, `${where} ${name}`);
      continue;
    }
    const base = name === "price_change" ? scale : Math.abs(Number(value));
    const limit = name === "price_change_pct" ? 1.1e-6 + base * 1e-12 : base * 1.1e-14;
    assert.ok(
      Math.abs(Number(actual[name]) - Number(value)) <= limit,
      `${where} ${name}: ${actual[name]}, not ${value}`,
    );
  }
}

requires("replay of the real file", { realData: true }, ({ realDataFile }) => {
  test("a replay of the real file gives exactly its totals", async () => {
    const { items, counters } = await replayJson(realDataFile, "--map", REAL_MAPPING, "--window", "24h");
    assert.deepEqual([counters.accepted, counters.applied], [REAL_EVENTS, REAL_EVENTS]);
    assertTotals(items);
  });

  test("so does a replay of the file as JSON with its own column names, as lines and as an array", async (t) => {
    const folder = tempDir(t);
    const rows = realRows(realDataFile).map((row) => JSON.stringify(row));
    const files = [
      ["rows.ndjson", rows.join("\n")],
      ["rows.json", `[${rows.join(",")}]`],
    ] as const;
    for (const [name, text] of files) {
      const path = join(folder, name);
      writeFileSync(path, text);
      const { items, counters } = await replayJson(path, "--map", REAL_MAPPING, "--window", "24h");
      assert.equal(counters.applied, REAL_EVENTS, name);
      assertTotals(items);
    }
  });

  test("the table shows the totals too, also of a compressed file", async (t) => {
    const packed = join(tempDir(t), "no-hint-in-the-name");
    writeFileSync(packed, gzipSync(readFileSync(realDataFile)));
    const { code, out, err } = await replay(packed, "--map", REAL_MAPPING);
    assert.equal(code, 0, err);
    assert.match(out, /142 tokens in the window 24h as of 2023-08-08T23:58:23Z/);
    assert.match(
      out,
      /^ETH +3,683 +1,808 +1,875 +167610361\.891595 +207 .* 1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2$/m,
    );
    assert.match(out, /9,936 accepted: 9,936 applied, 0 duplicates, 0 late/);
    assert.match(err, /out of order by more than grace/);
  });
});

describe("replay through an engine", () => {
  for (const name of vectorNames) {
    test(`the vector ${name} gives the expected figures`, async () => {
      const { expected } = loadVector(name);
      const file = join(import.meta.dirname, `../../fixtures/vectors/${name}.ndjson`);
      const overview = await replayJson(file, "--order", "file", "--arrival", String(expected.arrival));
      assert.equal(overview.as_of, expected.as_of);
      // The vectors name the counters of their edition; those outside the sum came later.
      const named = Object.keys(expected.counters);
      const counters = Object.fromEntries(named.map((counter) => [counter, overview.counters[counter]]));
      assert.deepEqual(counters, expected.counters);
      assert.deepEqual(overview.items.map(({ id }) => id).sort(), Object.keys(expected.tokens).sort());
      for (const { id, symbol, windows } of overview.items) {
        const token = expected.tokens[id];
        assert.equal(symbol, token?.symbol, id);
        assert.deepEqual(Object.keys(windows).sort(), Object.keys(token?.windows ?? {}).sort());
        for (const [window, figures] of Object.entries(windows)) {
          assertFigures(figures, token?.windows[window] as Figures, `${id} ${window}`);
        }
      }
    });
  }

  test("auto keeps the order within grace, and sorts beyond it; time always sorts", async (t) => {
    const lines = syntheticLines(2_000, 5_000);
    const folder = tempDir(t);
    const write = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const ordered = write("ordered.ndjson", `${lines.join("\n")}\n`);
    const mixed = write("mixed.ndjson", lines.toReversed().join("\r\n\r\n"));
    const expected = await replayJson(ordered, "--order", "file");
    assert.equal(expected.counters.late, 0);
    for (const args of [
      [ordered],
      [mixed],
      [mixed, "--order", "time"],
      [ordered, "--order", "time"],
      [mixed, "--speed", "1000000x"],
    ]) {
      assert.deepEqual(await replayJson(...args), expected, args.join(" "));
    }
    const asItIs = await replayJson(mixed, "--order", "file");
    assert.ok((asItIs.counters.late as number) > 500);
  });

  test("several files are one stream, whatever their format", async (t) => {
    const lines = syntheticLines(600, 0);
    const folder = tempDir(t);
    const columns = [
      "chain_id",
      "tx_hash",
      "log_index",
      "tx_index",
      "token",
      "token_symbol",
      "pool",
      "who",
      "side",
      "amount_token",
      "amount_usd",
      "price_usd",
      "event_time",
      "block_number",
      "block_hash",
    ];
    const rows = lines.slice(400).map((line) => columns.map((name) => JSON.parse(line)[name]).join(","));
    const files = [
      ["a.ndjson", lines.slice(0, 200).join("\n")],
      ["b", gzipSync(`\uFEFF${lines.slice(200, 400).join("\n")}`)],
      ["c.csv", `\uFEFF${columns.join(",")}\r\n${rows.join("\r\n")}`],
      ["empty", ""],
    ] as const;
    for (const [name, content] of files) writeFileSync(join(folder, name), content);
    writeFileSync(join(folder, "all.ndjson"), lines.join("\n"));
    const expected = await replayJson(join(folder, "all.ndjson"));
    assert.equal(expected.counters.accepted, 600);
    assert.deepEqual(await replayJson(...files.map(([name]) => join(folder, name))), expected);
  });

  test("a window that is not configured is added; --window chooses what JSON holds", async (t) => {
    const file = join(tempDir(t), "swaps.ndjson");
    writeFileSync(file, syntheticLines(50, 0).join("\n"));
    const { items } = await replayJson(file, "--window", "2m");
    assert.deepEqual(Object.keys(items[0]?.windows ?? {}), ["2m"]);
    assert.equal((await replay(file, "--window", "5s")).code, 2);
    assert.equal((await replay(file, "--window", "soon")).code, 2);
  });

  test("records that are not swaps are counted by code, and the replay continues", async (t) => {
    const file = join(tempDir(t), "swaps.ndjson");
    writeFileSync(
      file,
      `{"a":1}\n${syntheticLines(3, 0).join("\n")}\nnonsense\n\n  \n{"x":"${"y".repeat(2_000_000)}"}\n`,
    );
    const { counters } = await replayJson(file);
    assert.equal(counters.accepted, 6);
    assert.deepEqual(counters.dead_letters, { missing_field: 1, malformed_json: 1, record_too_large: 1 });
  });

  test("an empty file has no as-of and no tokens, and is a failure, since nothing was applied", async (t) => {
    const file = join(tempDir(t), "empty");
    writeFileSync(file, "");
    const { code, out, err } = await replay(file, "--format", "json");
    assert.equal(code, 1);
    assert.match(err, /nothing was applied/);
    const overview = JSON.parse(out) as Overview;
    assert.deepEqual(overview.items, []);
    assert.ok(!("as_of" in overview));
    assert.match((await replay(file)).out, /^0 accepted: 0 applied/);
  });

  test("errors about unreadable inputs contain a solution", async (t) => {
    const folder = tempDir(t);
    const write = (name: string, content: string | Buffer): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const swaps = syntheticLines(3_000, 0).join("\n");
    const cases: [string[], number, RegExp][] = [
      [["/nowhere/swaps.ndjson"], 1, /does not exist; check the path/],
      [[folder], 1, /is not a file/],
      [[write("a.parquet", "PAR1....PAR1")], 1, /damaged Parquet/],
      [[write("a.csv", "time,price\n1,2\n")], 1, /--map FILE\.yaml/],
      [
        [
          write("c.csv", "a,b\n1,2\n"),
          "--map",
          write(
            "n.yaml",
            "swaps: [{chain_id: 1, tx_hash: a, log_index: 0, token: z, side: a, amount: a, usd: b, ts: b}]",
          ),
        ],
        1,
        /has no column z/,
      ],
      [[write("cut.gz", gzipSync(swaps).subarray(0, 5_000))], 1, /damaged or cut/],
      [
        [write("a.ndjson", swaps), "--to", "http://127.0.0.1:1", "--arrival", "1790000000000"],
        2,
        /--arrival cannot be used with --to/,
      ],
      [[join(folder, "a.ndjson"), "--to", "http://127.0.0.1:1"], 1, /cannot be reached .*swapstats serve/],
      [[join(folder, "a.ndjson"), "--to", "kafka://x"], 2, /Write kafka:\/\/HOST:PORT\/TOPIC/],
      [[join(folder, "a.ndjson"), "--speed", "fast"], 2, /Write max, or a factor/],
    ];
    for (const [args, code, pattern] of cases) {
      const result = await replay(...args);
      assert.match(result.err, pattern);
      assert.equal(result.code, code, result.err);
    }
  });
});

describe("replay into a service", () => {
  /** The door of a service, as far as a replay knows it: a status, and posts that are refused at first, or are too large. */
  async function startDoor(t: { after(run: () => void): void }): Promise<{ url: string; taken: string[] }> {
    const taken: string[] = [];
    let refusals = 2;
    const server: Server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const answer = (status: number, body: unknown, headers = {}): void => {
          response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
        };
        if (request.url === "/api/status") {
          answer(200, { partitions: [{ lag: 0 }], counters: { accepted: taken.length, dead_letters: {} } });
          return;
        }
        const lines = Buffer.concat(parts).toString().trimEnd().split("\n");
        if (lines.length > 700) answer(413, { title: "too many" });
        else if (refusals-- > 0) answer(503, { title: "full" }, { "retry-after": "0" });
        else {
          const rejected = lines.flatMap((line, index) =>
            line.startsWith("{") ? [] : [{ index, code: "malformed_json", message: "no JSON" }],
          );
          taken.push(...lines.filter((line) => line.startsWith("{")));
          answer(lines.length === rejected.length ? 422 : 202, { accepted: lines.length - rejected.length, rejected });
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, taken };
  }

  test("all lines are sent in order, in halves if a batch is too large, and again if the service is full", async (t) => {
    const { url, taken } = await startDoor(t);
    const lines = syntheticLines(2_500, 0);
    const file = join(tempDir(t), "swaps.ndjson");
    writeFileSync(file, [...lines.slice(0, 2_300), "nonsense", ...lines.slice(2_300)].join("\n"));
    const { code, out, err } = await replay(file, "--to", url, "--order", "file");
    assert.equal(code, 0, err);
    // Not deepEqual: its message would hold both lists.
    assert.ok(taken.join("\n") === lines.join("\n"), "other lines, or in another order");
    assert.match(out, /2,501 sent, 2,500 accepted, 1 rejected \(1 malformed_json\)/);
    assert.match(err, /swaps\.ndjson, row 2301: malformed_json: no JSON: "nonsense"/);
    assert.match(out, /accepted 2,500/);
  });

  test("swaps that are out of order by more than grace are sorted first", async (t) => {
    const { url, taken } = await startDoor(t);
    const lines = syntheticLines(2_400, 0);
    const file = join(tempDir(t), "swaps.ndjson");
    writeFileSync(file, lines.toReversed().join("\n"));
    const { code, out, err } = await replay(file, "--to", url, "--format", "json");
    assert.equal(code, 0, err);
    const times = taken.map((line) => (JSON.parse(line) as { event_time: number }).event_time);
    assert.equal(times.length, 2_400);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert.equal((JSON.parse(out) as { accepted: number }).accepted, 2_400);
  });
});
