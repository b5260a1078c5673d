/**
 * The whole program as a process of its own, while a stream of swaps arrives and clients subscribe to as much as they may: rankings of
 * 500 rows, and thousands of tokens. Memory and lag stay bounded, and every channel is opened or refused with a reason. No assertion is
 * about time: lag is counted in records.
 */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { sortFields } from "@swapstats/protocol/figures.ts";
import { freePort } from "../../../../scripts/servers/ports.ts";
import { tempDir } from "../../support/tmp.ts";
import { connect, type TestClient } from "./support/client.ts";

const TOKENS = 5_000;
const BATCH = 50;
const BATCHES_UNDER_LOAD = 30;
const MEMORY_MIB_MAX = 900;
/** Records that may wait under this load: a few batches. */
const LAG_MAX = 20 * BATCH;
const MAIN = join(import.meta.dirname, "../../../src/main.ts");
const WINDOWS = ["1m", "5m", "15m", "30m", "1h", "6h", "24h"];
const OVERVIEWS = WINDOWS.flatMap((window) => sortFields.map((sort) => `overview:${window}:${sort}`));

let count = 0;
function swapOf(token: number): object {
  count += 1;
  return {
    ...{ chain_id: 1, tx_hash: `t${count}`, log_index: 1, token: `tok${token}`, who: `w${count % 500}` },
    ...{
      side: count % 2 === 0 ? "buy" : "sell",
      amount_token: `${1 + (count % 97)}`,
      amount_usd: `${1 + (count % 89)}`,
    },
    event_time: Date.now() - (count % 60_000),
  };
}

type Program = { readonly base: string; readonly url: string; readonly child: ChildProcess };

async function start(t: TestContext): Promise<Program> {
  const dir = tempDir(t, "ws-load");
  const port = await freePort();
  const env = {
    ...process.env,
    SWAPSTATS_DATA_DIR: dir,
    SWAPSTATS_API_HTTP_ADDR: `127.0.0.1:${port}`,
    SWAPSTATS_METRICS_PROMETHEUS: "",
    SWAPSTATS_LOGGING_LEVEL: "warn",
  };
  const child = spawn(process.execPath, [MAIN, "serve"], { env, stdio: ["ignore", "pipe", "inherit"] });
  t.after(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  await once(child.stdout, "data");
  child.stdout.resume();
  const base = `http://127.0.0.1:${port}`;
  return { base, url: `ws://127.0.0.1:${port}/ws`, child };
}

async function post({ base }: Program, swaps: readonly object[]): Promise<void> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${base}/api/swaps`, { method: "POST", headers, body: JSON.stringify(swaps) });
  assert.equal(response.status, 202, await response.text());
}

const lagOf = async ({ base }: Program): Promise<number> => {
  const status = (await (await fetch(`${base}/api/status`)).json()) as { partitions: { lag: number }[] };
  return status.partitions[0]?.lag ?? 0;
};
const memoryMib = ({ child }: Program): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1_024;

/** Sends the request. Resolves when each channel has its snapshot or an error. */
async function settled(client: TestClient, channels: readonly string[], options: object): Promise<Set<string>> {
  const waiting = new Set(channels);
  const done = Promise.withResolvers<void>();
  const codes = new Set<string>();
  client.onEach((message) => {
    if (message.type === "snapshot") waiting.delete(message.channel);
    if (message.type === "error") {
      codes.add(message.code);
      for (const channel of message.channels ?? [message.channel as string]) waiting.delete(channel);
      // An error about a whole request names a hundred of its channels.
      if (message.channels !== undefined) waiting.clear();
    }
    if (waiting.size === 0) done.resolve();
  });
  client.send({ id: 1, subscribe: channels, ...options });
  await done.promise;
  return codes;
}

/** Posts batches one after the other. Returns the peak of waiting records and of the process's memory. */
async function underLoad(program: Program): Promise<{ lag: number; memory: number }> {
  let lag = 0;
  let memory = 0;
  for (let i = 0; i < BATCHES_UNDER_LOAD; i++) {
    await post(
      program,
      Array.from({ length: BATCH }, (_, j) => swapOf((i * BATCH + j * 97) % TOKENS)),
    );
    lag = Math.max(lag, await lagOf(program));
    memory = Math.max(memory, memoryMib(program));
  }
  return { lag, memory };
}

test("clients that subscribe to all they may: memory and lag stay bounded, and more is refused with a reason", async (t) => {
  const program = await start(t);
  for (let at = 0; at < TOKENS; at += 1_000) {
    await post(
      program,
      Array.from({ length: 1_000 }, (_, i) => swapOf(at + i)),
    );
  }
  const greedy = await connect(t, program.url);
  assert.deepEqual(await settled(greedy, OVERVIEWS, { limit: 500 }), new Set(["too_many_subscriptions"]));
  assert.deepEqual(await settled(greedy, OVERVIEWS.slice(0, 20), { limit: 500 }), new Set());
  const rankings = await underLoad(program);
  assert.ok(rankings.lag <= LAG_MAX, `${rankings.lag} records waited`);
  assert.ok(rankings.memory <= MEMORY_MIB_MAX, `${rankings.memory} MiB`);

  const clients = await Promise.all(Array.from({ length: 30 }, () => connect(t, program.url)));
  const opened = clients.map((client, i) =>
    settled(
      client,
      Array.from({ length: 150 }, (_, j) => `token:1:tok${i * 150 + j}`),
      {},
    ),
  );
  const tokens = await underLoad(program);
  for (const codes of await Promise.all(opened)) assert.deepEqual(codes, new Set());
  assert.ok(tokens.lag <= LAG_MAX, `${tokens.lag} records waited`);
  assert.ok(tokens.memory <= MEMORY_MIB_MAX, `${tokens.memory} MiB`);
  for (const client of [greedy, ...clients]) assert.deepEqual(client.faults, []);
});
