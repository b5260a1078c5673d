import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRevoked, REVOKED_MAX } from "../../../src/access/identity/revoked.ts";

test("lines name subjects and tokens, also with spaces in them", () => {
  const revoked = parseRevoked("# left\r\n\nsub alice\n  sub  bob of sales \njti 4711\n");
  assert.deepEqual(revoked, { subjects: new Set(["alice", "bob of sales"]), tokenIds: new Set(["4711"]) });
  assert.deepEqual(parseRevoked(""), { subjects: new Set(), tokenIds: new Set() });
});

test("a line of another form is named by its number", () => {
  for (const line of ["alice", "sub", "sub ", "subject alice", "jti: 4711"]) {
    assert.throws(() => parseRevoked(`sub x\n${line}`), /line 2 is neither/);
  }
});

test("a file may have as many entries as the limit says, and no more", () => {
  const lines = (count: number): string => Array.from({ length: count }, (_, i) => `jti ${i}`).join("\n");
  assert.equal(parseRevoked(lines(REVOKED_MAX)).tokenIds.size, REVOKED_MAX);
  assert.throws(() => parseRevoked(lines(REVOKED_MAX + 1)), /more than 100000 entries/);
});
