import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import { HostClient } from "../../src/bus/host-client.ts";
import type { FromHost, ToHost } from "../../src/bus/host-protocol.ts";

test("of long answers that come together one is given on in a turn of the event loop, so that other requests get in between", async (t) => {
  const { port1, port2 } = new MessageChannel();
  const client = new HostClient(port1, 10_000);
  t.after(() => client.close());
  port2.on("message", (message: ToHost) => {
    if (message.type !== "requests") return;
    const items = message.items.map(({ id }) => ({ id, answer: [] }));
    port2.postMessage({ type: "answers", items } satisfies FromHost);
  });
  const COUNT = 5;
  let answered = 0;
  const answers = Array.from({ length: COUNT }, async () => {
    await client.ask<"dead_letters">({ kind: "dead_letters", limit: 1000 });
    answered += 1;
  });
  const seen = new Set<number>();
  while (answered < COUNT) {
    await nextTurn();
    seen.add(answered);
  }
  await Promise.all(answers);
  for (let count = 1; count <= COUNT; count++) assert.ok(seen.has(count), `${[...seen]}: never ${count} alone`);
});
