import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runCli } from "../../../src/cli/run.ts";
import { openDoor, tokenData } from "../../serving/websocket/support/door.ts";
import { memoryOutput } from "../../support/memory-output.ts";

const ID = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const CHANNEL = `token:${ID}`;

describe("top and watch without a terminal", () => {
  test("both print lines with exact figures until they are interrupted", async (t) => {
    const { bus, port } = await openDoor(t);
    bus.symbol("TKN", [ID]);
    bus.set(CHANNEL, tokenData(ID, 7, { close: "2.5" }));
    const stats = { complete: true, trades: 7, buys: 4, sells: 3, volume_usd: "70.123456", traders: 2, close: "2.5" };
    bus.set("overview:5m:volume_usd", { order: [ID], rows: { [ID]: { symbol: "TKN", stats } } });
    for (const [args, pattern] of [
      [
        ["top"],
        /^2023-11-14T\S+Z 5m 1 TKN 1:0xc02\S+ trades=7 buys=4 sells=3 volume_usd=70\.123456 traders=2 close=2\.5 change_pct=-\n/,
      ],
      [
        ["watch", "tkn"],
        /^2023-11-14T\S+Z TKN 1:0xc02\S+ rev=\d+ 5m trades=7 .* volume_usd=70 .* close=2\.5 .* complete=true\n/,
      ],
    ] as const) {
      const stopping = new AbortController();
      const base = memoryOutput();
      const printed = Promise.withResolvers<void>();
      const output = {
        ...base,
        out: (text: string) => {
          base.out(text);
          printed.resolve();
        },
      };
      const running = runCli([...args, "--url", `http://127.0.0.1:${port}`], output, stopping.signal);
      await printed.promise;
      stopping.abort();
      assert.equal(await running, 0, base.errText());
      assert.match(base.outText(), pattern);
    }
  });

  test("both end with 1 and the reason if a channel is refused", async (t) => {
    const { bus, port } = await openDoor(t);
    bus.symbol("TWO", ["1:a", "56:b"]);
    for (const id of ["1:a", "56:b"]) bus.set(`token:${id}`, tokenData(id, 1));
    const url = `http://127.0.0.1:${port}`;
    for (const [args, pattern] of [
      [["watch", "NOPE"], /token:NOPE: .*\(unknown_token\)/],
      [["watch", "TWO"], /\(ambiguous_token\); it may be 1:a, 56:b/],
      [["top", "--window", "7m"], /7m/],
    ] as const) {
      const output = memoryOutput();
      assert.equal(await runCli([...args, "--url", url], output, new AbortController().signal), 1);
      assert.match(output.errText(), pattern);
    }
  });
});

test("top takes the whole screen of a terminal and restores it", async (t) => {
  const { bus, port } = await openDoor(t);
  bus.set("overview:5m:volume_usd", {
    order: [ID],
    rows: { [ID]: { symbol: "TKN", stats: { complete: true, trades: 7 } } },
  });
  const stopping = new AbortController();
  const drawn = Promise.withResolvers<void>();
  let text = "";
  const output = {
    ...memoryOutput(),
    outIsTerminal: true,
    columns: () => 100,
    rows: () => 20,
    draw: (part: string) => {
      text += part;
      if (part.includes("TKN")) drawn.resolve();
    },
  };
  const running = runCli(["top", "--url", `http://127.0.0.1:${port}`], output, stopping.signal);
  await drawn.promise;
  stopping.abort();
  assert.equal(await running, 0);
  assert.ok(text.startsWith("\x1b[?1049h"));
  assert.ok(text.endsWith("\x1b[?1049l"));
});
