import { before, describe, test } from "node:test";

describe("a suite whose preparation fails", () => {
  before(() => {
    throw new Error("as it should");
  });
  test("never runs", () => {});
});
