import assert from "node:assert/strict";
import { test } from "node:test";
import { Parser } from "@asyncapi/parser";
import { asyncApiOf } from "../../../src/serving/http/asyncapi.ts";
import { WINDOWS } from "./http-harness.ts";

test("the AsyncAPI document is valid, and names every request and message", async () => {
  const text = JSON.stringify(asyncApiOf("0.1.0", WINDOWS));
  const { document, diagnostics } = await new Parser().parse(text);
  const found = diagnostics.filter(({ severity }) => severity <= 1);
  assert.deepEqual(found, []);
  assert.ok(document !== undefined);
  const names = (action: "isSend" | "isReceive") =>
    document
      .operations()
      .filter((operation) => operation[action]())
      .flatMap((operation) =>
        operation
          .messages()
          .all()
          .map((message) => message.name()),
      );
  assert.ok(names("isReceive").includes("subscribe"));
  for (const name of ["subscribed", "snapshot", "patch", "error", "heartbeat", "shutdown"]) {
    assert.ok(names("isSend").includes(name), name);
  }
});
