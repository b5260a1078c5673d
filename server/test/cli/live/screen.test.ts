import assert from "node:assert/strict";
import { test } from "node:test";
import { readKeys, Screen } from "../../../src/cli/live/screen.ts";

test("keys are read from the input of a terminal", () => {
  assert.deepEqual(readKeys("\x1b[A\x1b[D\x1bOCwq\x03\x1b[6~\x1b\x1b[1;5C x"), [
    "up",
    "left",
    "right",
    "w",
    "quit",
    "quit",
    "pageDown",
    " ",
    "x",
  ]);
});

test("a screen draws in place and is restored once", () => {
  let text = "";
  const screen = new Screen(
    (part) => {
      text += part;
    },
    undefined,
    () => undefined,
  );
  screen.draw(["one", "two"]);
  screen.close();
  screen.draw(["late"]);
  screen.close();
  assert.equal(text, "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[Kone\r\n\x1b[Ktwo\x1b[?7h\x1b[?25h\x1b[?1049l");
});
