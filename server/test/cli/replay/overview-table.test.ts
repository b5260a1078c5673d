import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { fittingTable, type TokenCells } from "../../../src/cli/replay/overview-table.ts";
import { runCli } from "../../../src/cli/run.ts";
import { displayWidth } from "../../../src/cli/table.ts";
import { memoryOutput } from "../../support/memory-output.ts";
import { seedOf } from "../../support/seed.ts";

const FIXTURE = join(import.meta.dirname, "../../../../docs/mappings/dune-trades/sample.csv");
const MAPPING = join(import.meta.dirname, "../../../../docs/mappings/dune-trades/mapping.yaml");

const TOKEN: TokenCells = {
  symbol: "WETH",
  trades: "3,683",
  buys: "1,808",
  sells: "1,875",
  volume_usd: "167610361.891595",
  traders: "207",
  open: "1829.09871234567",
  high: "1863.88123456789",
  low: "0.00000119855123456",
  close: "1856.43123456789",
  "change %": "-0.004321",
  token: "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
};

test("a narrower table shows less, and a table without a width shows all digits", () => {
  const titles = (width: number): string => (fittingTable([TOKEN], width)[0] ?? "").replaceAll(/ {2,}/g, " ");
  assert.equal(
    titles(Number.POSITIVE_INFINITY),
    "symbol trades buys sells volume_usd traders open high low close change % token",
  );
  assert.ok(fittingTable([TOKEN], Number.POSITIVE_INFINITY)[1]?.includes(" 167610361.891595 "));
  assert.equal(titles(200), titles(Number.POSITIVE_INFINITY));
  assert.equal(titles(120), "symbol trades buys sells volume_usd traders close change % token");
  assert.equal(titles(80), "symbol trades volume_usd traders close change % token");
  assert.equal(titles(40), "symbol trades volume_usd change %");
  assert.match(
    fittingTable([TOKEN], 120)[1] ?? "",
    /167,610,361\.89 .* 0\.00 +1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2$/,
  );
  assert.match(fittingTable([TOKEN], 80)[1] ?? "", / 1:0xc02a…756cc2$/);
  assert.match(fittingTable([TOKEN], 150)[1] ?? "", /^WETH +3,683 .*1:0xc02aaa39b223/);
});

test("no line is wider than the given width, whatever the texts are", (t) => {
  const cells = fc.record({
    symbol: fc.string({ unit: "grapheme", maxLength: 14 }),
    token: fc.string({ unit: "grapheme", maxLength: 160 }),
    volume_usd: fc.bigInt({ min: 0n, max: 10n ** 16n }).map(String),
    close: fc.double({ min: 1e-30, max: 1e30, noNaN: true }).map(String),
  });
  fc.assert(
    fc.property(fc.array(cells, { maxLength: 5 }), fc.integer({ min: 10, max: 250 }), (rows, width) => {
      for (const line of fittingTable(
        rows.map((row) => ({ ...TOKEN, ...row })),
        width,
      )) {
        assert.ok(displayWidth(line) <= width, `${width}: ${line}`);
      }
    }),
    { seed: seedOf(t) },
  );
});

test("the command fits what it prints to its terminal", async () => {
  for (const width of [40, 80, 120, 200]) {
    const output = memoryOutput();
    const terminal = { ...output, outIsTerminal: true, columns: () => width };
    assert.equal(await runCli(["replay", FIXTURE, "--map", MAPPING], terminal, new AbortController().signal), 0);
    const lines = output.outText().split("\n");
    assert.ok(lines.length > 5);
    for (const line of lines) assert.ok(displayWidth(line) <= width, line);
  }
});
