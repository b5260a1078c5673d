import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readFeederMapping } from "../../../src/sources/feeders/feeder-mapping.ts";

const SWAP =
  "{ chain_id: 1, tx_hash: tx, log_index: 0, token: token, side: side, amount_token: a, amount_usd: usd, event_time: at }";

function mappingFile(t: { after(done: () => void): void }, format: string): string {
  const folder = mkdtempSync(join(tmpdir(), "swapstats-feeder-mapping-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "trades.yaml");
  writeFileSync(path, `${format === "" ? "" : `format: ${format}\n`}swaps: [${SWAP}]\n`);
  return path;
}

const settingsOf = (type: string, mapping: string): never => ({ type, name: "trades", mapping }) as never;

for (const [type, format] of [
  ["file", ""],
  ["file", "json"],
  ["file", "csv"],
  ["postgres", "json"],
  ["http", ""],
  ["websocket", "msgpack"],
] as const) {
  test(`a feeder of type ${type} takes a mapping of the format "${format}"`, (t) => {
    const { mapper, table } = readFeederMapping(settingsOf(type, mappingFile(t, format)), undefined);
    assert.ok(mapper);
    assert.equal(table !== undefined, format === "csv");
  });
}

for (const [type, format, allowed] of [
  ["file", "msgpack", "json or csv"],
  ["file", "json_schema", "json or csv"],
  ["postgres", "csv", "json"],
  ["http", "msgpack", "json"],
] as const) {
  test(`a feeder of type ${type} refuses a mapping of the format ${format} before it starts`, (t) => {
    const path = mappingFile(t, format);
    assert.throws(() => readFeederMapping(settingsOf(type, path), undefined), {
      code: "bad_config",
      message: `feeder trades: the mapping ${path} has the format ${format}, and the records of a feeder of type ${type} are ${allowed}; remove or change its \`format\``,
    });
  });
}

test("a path that holds a secret is not repeated", () => {
  const settings = settingsOf("file", "password=hunter2.yaml");
  assert.throws(() => readFeederMapping(settings, undefined), {
    code: "bad_config",
    message: "feeder trades: the mapping *** does not exist; check the path",
  });
});
