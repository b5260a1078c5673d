import { test } from "node:test";

test("passes", () => {});
test("is work to do", (t) => t.todo());
