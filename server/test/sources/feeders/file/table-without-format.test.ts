import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openOrigin } from "../../../../src/sources/feeders/file/file-origin.ts";
import { tempDir } from "../../../support/tmp.ts";

for (const [what, text, isRefused] of [
  ["a table", "chain_id,tx_hash,token\n1,0x1,0x2\n", true],
  ["a table with tabs", "chain_id\ttx_hash\ttoken\n", true],
  ["lines of JSON", '{"a":1,"b":2,"c":3}\n', false],
  ["a bad first line that is no table", "not JSON\n{}\n", false],
] as const) {
  test(`${what} under a mapping for JSON ${isRefused ? "is refused before a row is read" : "is read"}`, async (t) => {
    const path = join(tempDir(t), "trades.txt");
    writeFileSync(path, text);
    const settings = { type: "file", name: "trades", path, from: "start", pollMs: 1000 } as never;
    const origin = openOrigin(settings, { mapper: undefined, endsAtEnd: true });
    t.after(() => origin.close());
    const read = origin.read(undefined, new AbortController().signal);
    if (!isRefused) assert.ok(((await read)?.records.length ?? 0) > 0);
    else await assert.rejects(read, { code: "bad_request", retryable: false, message: /write `format: csv`/ });
  });
}
