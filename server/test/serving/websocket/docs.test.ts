/** docs/websocket.md names exactly the error and close codes that the code uses, and its example works. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { Json } from "@swapstats/protocol/json.ts";
import { problemCodes } from "@swapstats/protocol/problems.ts";
import { closeCodes } from "@swapstats/protocol/websocket.ts";
import { openDoor, tokenData } from "./support/door.ts";

const root = resolve(import.meta.dirname, "../../../..");
const document = readFileSync(join(root, "docs/websocket.md"), "utf8");
const folder = join(root, "server/src/serving/websocket");
const source = globSync("*.ts", { cwd: folder })
  .map((name) => readFileSync(join(folder, name), "utf8"))
  .join("\n");

test("error codes", () => {
  const made = [...source.matchAll(/new ProblemError\(\s*"([a-z_]+)"/g)].map((match) => match[1] as string);
  const used = new Set([...made, "unknown_token", "ambiguous_token", "unavailable", "internal"]);
  assert.ok(used.size > 10);
  assert.deepEqual(
    [...used].filter((code) => !document.includes(`\`${code}\``)),
    [],
  );
  const table = document.slice(document.indexOf("## Errors"));
  const named = [...table.matchAll(/^\| (`[a-z_`, ]+`) \|/gm)].flatMap((row) => (row[1] as string).match(/[a-z_]+/g));
  assert.deepEqual(
    named.filter((code) => !(problemCodes as readonly string[]).includes(code as string)),
    [],
  );
});

test("close codes", () => {
  for (const code of Object.values(closeCodes)) assert.match(document, new RegExp(`\\b${code}\\b`));
});

test("the example holds the service's data, and continues with the same token after a lost connection", async (t) => {
  let isOver = false;
  // Before the door is opened, because hooks run in this order: its end is no reason to connect again.
  t.after(() => {
    isOver = true;
  });
  const { bus, url, server } = await openDoor(t);
  const sockets: Socket[] = [];
  server.on("connection", (socket: Socket) => sockets.push(socket));
  const id = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
  const channel = `token:${id}`;
  bus.symbol("WETH", [id]);
  bus.set(channel, tokenData(id, 1, { close: "2" }));
  bus.set("overview:5m:volume_usd", { order: [id], rows: { [id]: { stats: { trades: 1 } } } });
  const code = (/```js\n([\s\S]*?)```/.exec(document)?.[1] ?? "").replace("ws://127.0.0.1:8080/ws", url);
  const held = new Map<string, Json>();
  let onData = (): void => {};
  const opened: WebSocket[] = [];
  class Recorded extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(...args);
      opened.push(this);
    }
  }
  t.after(() => {
    for (const ws of opened) {
      ws.onclose = null;
      ws.close();
    }
  });
  const log = (name: string, data: Json): void => {
    held.set(name, data);
    onData();
  };
  const soon = (run: () => void): unknown => setTimeout(() => isOver || run(), 5);
  new Function("WebSocket", "console", "setTimeout", code)(Recorded, { log, error: assert.fail }, soon);
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      onData = () => {
        if (condition()) resolve();
      };
      onData();
    });
  await until(() => held.size === 2);
  bus.set(channel, tokenData(id, 5));
  await until(() => JSON.stringify(held.get(channel)) === JSON.stringify(bus.dataOf(channel)));

  const thief = "1:0xdeadbeef39b223fe8d0a0e5c4f27ead9083c756c";
  bus.set(`token:${thief}`, tokenData(thief, 1));
  bus.symbol("WETH", [thief]);
  held.clear();
  for (const socket of sockets) socket.destroy();
  await until(() => held.size === 2);
  assert.deepEqual([...held.keys()].sort(), ["overview:5m:volume_usd", channel]);
  assert.deepEqual(held.get(channel), bus.dataOf(channel));
});
