import assert from "node:assert/strict";
import { test } from "node:test";

test("passes", () => {});
test("fails", () => assert.fail("as it should"));
