import assert from "node:assert/strict";
import { test } from "node:test";
import { TimeoutError } from "../../servers/timeout-error.ts";

test("waits in vain", () => {
  throw new TimeoutError("stuck for 120 s: nothing came");
});
test("has a wrong figure", () => assert.equal(1, 2));
