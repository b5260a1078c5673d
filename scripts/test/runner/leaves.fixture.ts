import { spawn } from "node:child_process";
import { test } from "node:test";

test("leaves a process behind", () => {
  spawn("sleep", ["987"], { detached: true, stdio: "ignore" }).unref();
});
