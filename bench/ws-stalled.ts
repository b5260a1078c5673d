/**
 * What a WebSocket client finds that stops reading for a while, of 5 channels with 10 updates a second: `node bench/ws-stalled.ts [--seconds N]`. The
 * service's door, with messages in frames of their own and in lists, and plain `ws.send`.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { WebSocket } from "ws";
import { webSocketBatchProtocol, webSocketProtocol } from "../protocol/src/websocket.ts";
import { report } from "./report.ts";
import { TOPICS } from "./support/fan-out.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: process.env.SWAPSTATS_BENCH_SECONDS ?? "60" } },
});
const STALL_MS = Number(values.seconds) * 1_000;
const PATCH_BYTES = 1_000;
const WARM_UP_MS = 3_000;
/** Time for what waits to be read. */
const AFTER_MS = 5_000;
/** An update of the present tick, or of the one before. */
const FRESH_MS = 250;
const BYTES_MAX = 64 * 1024;
const SPAN_MS_MAX = 1_000;

type Received = { readonly asOf: number; readonly atMs: number; readonly bytes: number };
type Found = {
  readonly oldMessages: number;
  readonly oldBytes: number;
  /** From the beginning of the stall to the newest of the old messages. */
  readonly oldSpanMs: number;
  readonly freshMs: number;
};

async function stall(way: "door" | "plain", protocols: readonly string[]): Promise<Found> {
  const server = fork(join(import.meta.dirname, "ws", "fan-out-server.ts"), [way, `${TOPICS}`, `${PATCH_BYTES}`]);
  try {
    return await find(server, protocols);
  } finally {
    server.kill("SIGKILL");
  }
}

async function find(server: ChildProcess, protocols: readonly string[]): Promise<Found> {
  const [{ port }] = (await once(server, "message")) as [{ readonly port: number }];
  const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`, [...protocols], { perMessageDeflate: false });
  let received: Received[] = [];
  ws.on("message", (data: Buffer) => {
    const parsed = JSON.parse(data.toString()) as object | object[];
    const messages = (Array.isArray(parsed) ? parsed : [parsed]) as { readonly as_of?: number }[];
    for (const { as_of: asOf } of messages) {
      if (asOf !== undefined) received.push({ asOf, atMs: Date.now(), bytes: data.length / messages.length });
    }
  });
  await once(ws, "open");
  const subscribe = Array.from({ length: 5 }, (_, i) => `token:1:${i}`);
  ws.send(JSON.stringify({ subscribe }));
  await sleep(WARM_UP_MS);
  received = [];
  ws.pause();
  const stoppedMs = Date.now();
  await sleep(STALL_MS);
  const resumedMs = Date.now();
  ws.resume();
  await sleep(AFTER_MS);
  const isOld = ({ asOf }: Received): boolean => asOf < resumedMs - FRESH_MS;
  const old = received.filter(isOld);
  const fresh = received.find((one) => !isOld(one));
  if (fresh === undefined) throw new Error("nothing fresh came");
  ws.terminate();
  return {
    oldMessages: old.length,
    oldBytes: old.reduce((sum, { bytes }) => sum + bytes, 0),
    oldSpanMs: Math.max(0, ...old.map(({ asOf }) => asOf - stoppedMs)),
    freshMs: fresh.atMs - resumedMs,
  };
}

const described = ({ oldMessages, oldBytes, oldSpanMs, freshMs }: Found): string =>
  `${oldMessages} old messages (${Math.round(oldBytes / 1024)} KiB, of ${(oldSpanMs / 1_000).toFixed(1)} s), the first fresh one after ${freshMs} ms`;

const single = await stall("door", [webSocketProtocol]);
const lists = await stall("door", [webSocketBatchProtocol]);
const plain = await stall("plain", []);
for (const [name, found] of [
  ["", single],
  [", messages in lists", lists],
] as const) {
  report({
    what: `A WebSocket client with 5 channels that stops reading for ${values.seconds} s${name}`,
    goal: `at most ${BYTES_MAX / 1024} KiB of old messages, of at most ${SPAN_MS_MAX / 1_000} s, and then fresh ones`,
    figure: described(found),
    met: found.oldBytes <= BYTES_MAX && found.oldSpanMs <= SPAN_MS_MAX,
    note: `10 updates a second of 5 messages with patches of ${PATCH_BYTES} bytes. Plain \`ws.send\`: ${described(plain)}.`,
    values: { "old messages": found.oldMessages, "ms to fresh": found.freshMs },
  });
}
