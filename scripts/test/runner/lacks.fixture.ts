import { test } from "node:test";
import { requires } from "../../../server/test/support/requires.ts";

test("passes", () => {});
requires("a suite in snake language", { python: ["a_module_that_nobody_has"] }, () => {
  test("never runs", () => {});
});
