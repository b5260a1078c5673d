/** Third-party clients: a Python library and a browser. Neither has code for this service's flow control. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, type TestContext, test } from "node:test";
import { webSocketBatchProtocol, webSocketProtocol } from "@swapstats/protocol/websocket.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";
import { openDoor, type TestDoor, tokenData } from "./support/door.ts";

const CHANNEL = "token:1:a";
/** The others change with it, so that a list has several messages. */
const CHANNELS = [CHANNEL, "token:1:b", "token:1:c"];
const FIRST_REV = 41;
const UPDATES = 30;
/** Each write has a ping. */
const limits = { pingBytes: 0 };
const ways = [webSocketProtocol, webSocketBatchProtocol].flatMap((protocol) =>
  [false, true].map((compression) => ({
    protocol,
    compression,
    name: `${protocol}, ${compression ? "compressed" : "plain"}`,
  })),
);
/** Messages of the longest list. */
const longestOf = (protocol: string): number => (protocol === webSocketBatchProtocol ? CHANNELS.length : 1);
const clientsDir = join(import.meta.dirname, "clients");

/** Sends updates one by one, each after the one before was sent, so that more pings are needed than the credit allows. */
async function sendUpdates({ bus, metrics }: TestDoor): Promise<void> {
  for (let i = 1; i <= UPDATES; i++) {
    const writes = metrics.lags.length;
    for (const channel of CHANNELS) bus.set(channel, tokenData("1:a", i + 1, i % 2 === 0 ? { close: `1.${i}` } : {}));
    if (i < UPDATES) await metrics.until(({ lags }) => lags.length > writes);
  }
}

requires("a client in Python", { python: ["websockets"] }, ({ python }) => {
  for (const { protocol, compression, name } of ways) {
    test(`a Python client applies every patch and holds the data: ${name}`, async (t) => {
      const door = await openDoor(t, { ws: { compression }, limits });
      for (const channel of CHANNELS) door.bus.set(channel, tokenData("1:a", 1));
      const lastRev = `${FIRST_REV + UPDATES}`;
      const program = join(clientsDir, "python-client.py");
      const child = spawn(python, [program, door.url, protocol, CHANNELS.join(), lastRev], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      t.after(() => child.kill("SIGKILL"));
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      assert.equal((await lines.next()).value, compression ? "compressed" : "plain");
      assert.equal((await lines.next()).value, "snapshot");
      await sendUpdates(door);
      assert.deepEqual(JSON.parse((await lines.next()).value as string), {
        ...{ data: door.bus.dataOf(CHANNEL), protocol, longest: longestOf(protocol) },
      });
    });
  }
});

type Told = { kind: string; data?: unknown; protocol?: string; extensions?: string; longest?: number };

/** Serves the page, and passes on its messages. */
function pageServer() {
  const told = new EventEmitter();
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === "POST") {
      let body = "";
      request.on("data", (data) => {
        body += data;
      });
      request.on("end", () => {
        told.emit("told", JSON.parse(body));
        response.end();
      });
      return;
    }
    response.setHeader("content-type", "text/html");
    response.end(readFileSync(join(clientsDir, "page.html")));
  };
  return { handler, next: async (): Promise<Told> => (await once(told, "told"))[0] };
}

requires("a browser", { chromium: true }, ({ chromium }) => {
  const profiles = tempDir({ after }, "chromium");
  let browsers = 0;

  function browse(t: TestContext, address: string): void {
    const profile = join(profiles, `${browsers++}`);
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
    const child = spawn(chromium, [...flags, `--user-data-dir=${profile}`, address], {
      stdio: "ignore",
      detached: true,
    });
    t.after(async () => {
      const ended = once(child, "exit");
      // The browser is a group of processes; all of them hold its profile.
      process.kill(-(child.pid as number), "SIGKILL");
      await ended;
    });
  }

  const queryOf = ({ url }: TestDoor, protocol: string, lastRev: number): URLSearchParams =>
    new URLSearchParams({ url, protocol, channels: CHANNELS.join(), last_rev: `${lastRev}` });

  // Plain in frames of their own, and compressed in lists.
  for (const { protocol, compression, name } of ways) {
    if (compression !== (protocol === webSocketBatchProtocol)) continue;
    test(`a page in Chromium applies every patch and holds the data: ${name}`, async (t) => {
      const page = pageServer();
      const door = await openDoor(t, { ws: { compression }, limits }, page.handler);
      for (const channel of CHANNELS) door.bus.set(channel, tokenData("1:a", 1));
      const first = page.next();
      browse(t, `http://127.0.0.1:${door.port}/?${queryOf(door, protocol, FIRST_REV + UPDATES)}`);
      assert.deepEqual(await first, { kind: "snapshot" });
      const held = page.next();
      await sendUpdates(door);
      const { extensions = "", ...told } = await held;
      assert.equal(extensions.includes("permessage-deflate"), compression);
      assert.deepEqual(told, { kind: "held", protocol, longest: longestOf(protocol), data: door.bus.dataOf(CHANNEL) });
    });
  }

  test("a page of another origin is refused, unless api.cors lists it", async (t) => {
    const page = pageServer();
    const home = await openDoor(t, {}, page.handler);
    const strict = await openDoor(t);
    const open = await openDoor(t, { cors: [`http://127.0.0.1:${home.port}`] });
    for (const [door, expected] of [
      [strict, "refused"],
      [open, "snapshot"],
    ] as const) {
      door.bus.set(CHANNEL, tokenData("1:a", 1));
      const query = queryOf(door, webSocketProtocol, 0);
      const told = page.next();
      browse(t, `http://127.0.0.1:${home.port}/?${query}`);
      assert.equal((await told).kind, expected);
    }
  });
});
