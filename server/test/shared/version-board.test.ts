import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createVersionBoard, VersionBoard } from "../../src/shared/version-board.ts";

describe("the age of what waits, on the board", () => {
  test("grows from the commit on, whether the owner has heard of it or not, and ends when it is applied", () => {
    const board = new VersionBoard(createVersionBoard());
    assert.equal(board.lagMs(5_000), 0);
    board.publishPosition(10, 0);
    board.noteAppended(12, 1_000);
    assert.equal(board.lagMs(1_000), 0);
    assert.equal(board.lagMs(4_000), 3_000);
    board.noteAppended(20, 3_000);
    assert.equal(board.lagMs(4_000), 3_000, "of the first batch that waits");
    board.publishPosition(11, 0);
    assert.equal(board.lagMs(4_000), 3_000, "half of it is applied");
    board.publishPosition(12, 0);
    assert.equal(board.lagMs(4_000), 1_000);
    board.publishPosition(20, 0);
    assert.equal(board.lagMs(9_000), 0);
    board.noteAppended(21, 9_000);
    assert.equal(board.lagMs(9_500), 500);
  });

  test("is what the owner says where it knows the oldest record", () => {
    const board = new VersionBoard(createVersionBoard());
    board.noteAppended(100, 2_000);
    board.publishPosition(5, 500);
    assert.equal(board.lagMs(2_000), 1_500);
    assert.equal(board.oldestArrivalMs(), 500);
  });
});
