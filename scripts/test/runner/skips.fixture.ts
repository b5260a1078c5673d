import { test } from "node:test";

test("passes", () => {});
test("skips itself", (t) => t.skip("for no good reason"));
