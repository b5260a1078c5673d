/** Clients without code of this service: Python with its standard library, and the EventSource of a browser. Both connect again by themselves. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { browserOf, servePage } from "../../support/browser.ts";
import { requires } from "../../support/requires.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { tokenData } from "../websocket/support/door.ts";
import { openSseDoor } from "./support/door.ts";

const CHANNEL = "token:1:a";
const clientsDir = join(import.meta.dirname, "clients");

requires("server-sent events in Python", { python: [] }, ({ python }) => {
  test("a Python client continues behind its last event, and holds the data", async (t) => {
    const door = await openSseDoor(t);
    door.bus.set(CHANNEL, tokenData("1:a", 1));
    const child = spawn(python, [join(clientsDir, "python-client.py"), door.base, CHANNEL, "43", "2"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, "snapshot");
    door.bus.set(CHANNEL, tokenData("1:a", 2));
    assert.match((await lines.next()).value as string, /^(patch|snapshot)$/);
    door.bus.set(CHANNEL, tokenData("1:a", 3));
    assert.deepEqual(JSON.parse((await lines.next()).value as string), door.bus.dataOf(CHANNEL));
  });
});

requires("server-sent events in a browser", { chromium: true }, ({ chromium }) => {
  const browse = browserOf(chromium);
  const openPage = (t: TestContext) => servePage(t, join(clientsDir, "page.html"));

  const addressOf = (origin: string, port: number, lastRev: number): string => {
    const url = `http://127.0.0.1:${port}/api/stream?channels=${CHANNEL}`;
    return `${origin}/?${new URLSearchParams({ url, last_rev: String(lastRev) })}`;
  };

  test("an EventSource connects again behind its last event, and holds the data", async (t) => {
    const page = await openPage(t);
    const door = await openSseDoor(t, { corsOrigins: [page.origin], limits: { retryMs: 50 } });
    door.bus.set(CHANNEL, tokenData("1:a", 1));
    const proxy = await TcpProxy.start(door.port);
    t.after(() => proxy.close());
    browse(t, addressOf(page.origin, proxy.port, 43));
    assert.deepEqual(await page.next(), { kind: "snapshot" });
    proxy.mode = "cut";
    door.bus.set(CHANNEL, tokenData("1:a", 2, { close: "1.5" }));
    door.bus.set(CHANNEL, tokenData("1:a", 3));
    proxy.mode = "open";
    assert.ok(["patch", "snapshot"].includes((await page.next()).kind));
    assert.deepEqual(await page.next(), { kind: "held", data: door.bus.dataOf(CHANNEL) });
  });

  test("a page of an origin that api.cors does not list gets no stream", async (t) => {
    const page = await openPage(t);
    const door = await openSseDoor(t);
    door.bus.set(CHANNEL, tokenData("1:a", 1));
    browse(t, addressOf(page.origin, door.port, 41));
    assert.deepEqual(await page.next(), { kind: "refused" });
    // The browser closes the connection itself.
    while (door.hub.clients > 0) await new Promise(setImmediate);
  });
});
