/**
 * Texts from outside with escape sequences in them, through every command: nothing that a terminal acts on comes out. The service is a
 * false one on purpose: the real one refuses or cleans most of these texts, and a command must not rely on whom it talks to.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { webSocketProtocol } from "@swapstats/protocol/websocket.ts";
import { type WebSocket, WebSocketServer } from "ws";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";
import { PtyProgram } from "./pty.ts";

const MAIN = join(import.meta.dirname, "../../src/main.ts");
/** Renames the window, colours, clears the screen with a one-byte sequence, deletes, and reverses the direction of writing. */
const HOSTILE = "\x1b]0;owned\x07\x1b[31m\x9b2J\x7f\x85\r\b\u202eend";
const UNSAFE = /(?!\n)[\p{Cc}\u202e]/u;
const ESCAPE = "\x1b";
/** What the live screen writes itself; the terminal adds a carriage return before each line feed. */
const OWN_SEQUENCE = new RegExp(`${ESCAPE}\\[\\??[0-9;]*[A-Za-z]|\\r+\\n`, "g");
const FIGURES = {
  complete: true,
  trades: HOSTILE,
  buys: HOSTILE,
  volume_usd: HOSTILE,
  close: HOSTILE,
  traders: HOSTILE,
};

/** Answers every call and every subscription with hostile texts; sockets are refused where `refuses`. */
async function falseService(t: TestContext, refuses: boolean): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    const counters = { accepted: HOSTILE, late: HOSTILE, [HOSTILE]: HOSTILE };
    const rejected = [{ index: 0, code: HOSTILE, message: HOSTILE }];
    const problem = { title: HOSTILE, detail: HOSTILE, code: HOSTILE };
    const description = {
      paths: { "/api/overview": { get: { parameters: [{ name: "window", schema: { enum: [HOSTILE, "5m"] } }] } } },
    };
    const isPost = request.method === "POST";
    const status = isPost ? (refuses ? 400 : 422) : 200;
    const get = request.url === "/openapi.json" ? description : { partitions: [{ lag: 0 }], counters };
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(isPost ? (refuses ? problem : { accepted: 0, rejected }) : get));
  });
  const sockets = new WebSocketServer({ server, handleProtocols: () => webSocketProtocol });
  sockets.on("connection", (socket) => {
    socket.on("message", (bytes: Buffer) => answer(socket, JSON.parse(bytes.toString()), refuses));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

type Asked = { readonly id: string; readonly subscribe?: readonly (string | { readonly channel: string })[] };

function answer(socket: WebSocket, { id, subscribe }: Asked, refuses: boolean): void {
  const send = (message: object): void => socket.send(JSON.stringify(message));
  const [first] = subscribe ?? [];
  if (first === undefined) return;
  const asked = typeof first === "string" ? first : first.channel;
  if (refuses) {
    const candidates = [{ id: `1:${HOSTILE}`, symbol: HOSTILE, chain_id: 1 }];
    send({ type: "error", id, code: HOSTILE, message: HOSTILE, candidates });
    return;
  }
  const isOverview = asked.startsWith("overview");
  const channel = isOverview ? `overview:${HOSTILE}` : `token:1:${HOSTILE}`;
  const token = { id: `1:${HOSTILE}`, symbol: HOSTILE, late: HOSTILE, removed: HOSTILE, unresolved: HOSTILE };
  const rows = { [`1:${HOSTILE}`]: { symbol: HOSTILE, stats: FIGURES } };
  const data = isOverview ? { order: [`1:${HOSTILE}`], rows } : { ...token, windows: { [HOSTILE]: FIGURES } };
  send({ type: "subscribed", id, channels: [channel], names: { [asked]: channel }, windows: {} });
  send({ type: "snapshot", channel, epoch: HOSTILE, rev: HOSTILE, as_of: 1_700_000_000_000, lag_ms: 0, data });
}

type Said = { readonly code: number | null; readonly text: string };

/** Returns the output of a command. A command that does not end is interrupted after it has printed `endsAfter`. */
function said(t: TestContext, args: readonly string[], env: Record<string, string>, endsAfter?: RegExp): Promise<Said> {
  const child: ChildProcess = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
  t.after(() => void child.kill("SIGKILL"));
  let text = "";
  const note = (part: string): void => {
    text += part;
    if (endsAfter?.test(text) === true) child.kill("SIGINT");
  };
  child.stdout?.setEncoding("utf8").on("data", note);
  child.stderr?.setEncoding("utf8").on("data", note);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, text })));
}

test("no command prints control sequences from services, files, names or configurations", async (t) => {
  const [refusing, lying] = [await falseService(t, true), await falseService(t, false)];
  const folder = join(tempDir(t), `folder-${HOSTILE.replaceAll("/", "")}`);
  mkdirSync(folder);
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const swap = {
    ...{ chain_id: 1, tx_hash: "0xa", log_index: 0, token: `0x${HOSTILE}`, token_symbol: HOSTILE, who: HOSTILE },
    ...{ side: "buy", amount_token: "1", amount_usd: "2", event_time: 1_700_000_000_000 },
  };
  const bad = { ...swap, token: "0xabc", side: HOSTILE, [HOSTILE]: HOSTILE };
  const swaps = file(`swaps${HOSTILE}.ndjson`, `${JSON.stringify(swap)}\n${JSON.stringify(bad)}\n${HOSTILE}\n`);
  const table = file("trades.csv", `${HOSTILE},b\n${HOSTILE},2\n`);
  const map = file("map.yaml", `${JSON.stringify(HOSTILE)}: ${JSON.stringify(HOSTILE)}\n`);
  const broken = file("broken.yaml", `${JSON.stringify(HOSTILE)}: 1\nwindows: ${JSON.stringify(HOSTILE)}\n`);
  const raw = file("raw.yaml", `data_dir: ${HOSTILE}\n`);
  const fine = file("fine.yaml", `data_dir: ${JSON.stringify(folder)}\n`);
  const commands: (readonly [string[], RegExp?])[] = [
    [["watch", HOSTILE, "--url", refusing]],
    [["top", "--url", refusing]],
    [["watch", "X", "--url", lying], / rev=.*\n/],
    [["top", "--url", lying], / trades=.*\n/],
    [["top", "--sort", HOSTILE]],
    [["generate", "--to", refusing, "--count", "2", "--rate", "100000"]],
    [["generate", "--to", lying, "--count", "2", "--rate", "100000"]],
    [["generate", "--to", `kafka://${HOSTILE}`]],
    [["replay", swaps]],
    [["replay", swaps, "--format", "json"]],
    [["replay", swaps, "--to", refusing]],
    [["replay", swaps, "--to", lying]],
    [["replay", swaps, "--to", lying, "--format", "json"]],
    [["replay", table, "--map", map]],
    [["replay", `${swaps}.${HOSTILE}`]],
    [["config", "check", "--config", broken]],
    [["config", "check", "--config", raw]],
    [["config", "show", "--config", fine]],
    [["config", "show", "--config", fine, "--format", "json"]],
    [["config", "init", fine]],
    [["checkpoint", "inspect", "--data-dir", folder]],
    [["log", "verify", "--data-dir", folder]],
    [["log", "verify", "--data-dir", folder, "--format", "json"]],
    [["backup", join(folder, "copy"), "--data-dir", folder]],
    [["topic", "ensure", "--config", broken]],
    [[HOSTILE]],
    [["serve", `--${HOSTILE}`]],
    [["serve", "--config", `${HOSTILE}.yaml`]],
    [["serve", "--port", "0", "--data-dir", join(folder, "data")], /listens on/],
  ];
  const env = { SWAPSTATS_METRICS_PROMETHEUS: "127.0.0.1:0" };
  for (const [args, endsAfter] of commands) {
    const { text } = await said(t, args, env, endsAfter);
    assert.notEqual(text, "", args.join(" "));
    assert.doesNotMatch(text, UNSAFE, JSON.stringify([args, text]));
  }
});

requires("hostile texts on the live screen", { python: [] }, ({ python }) => {
  test("top and watch show hostile texts as printable ones", async (t) => {
    const url = await falseService(t, false);
    for (const args of [["top"], ["watch", "X"]]) {
      const program = new PtyProgram(python, [process.execPath, MAIN, ...args, "--url", url], 200, 24);
      t.after(() => program.kill());
      await program.until("the token", ({ text }) => text.includes("?]0;owned?"));
      program.press("q");
      assert.equal(await program.ended, 0);
      assert.deepEqual(program.screen.foreign, []);
      assert.doesNotMatch(program.raw.replaceAll(OWN_SEQUENCE, ""), UNSAFE);
    }
  });
});

test("a service whose standard output is not read continues and reports it", async (t) => {
  const args = ["serve", "--port", "0", "--data-dir", join(tempDir(t), "data")];
  const env = { ...process.env, SWAPSTATS_METRICS_PROMETHEUS: "127.0.0.1:0" };
  const child = spawn(process.execPath, [MAIN, ...args], { env });
  t.after(() => void child.kill("SIGKILL"));
  child.stdout.destroy();
  let log = "";
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const warned = new Promise<void>((resolve) =>
    child.stderr.setEncoding("utf8").on("data", (part: string) => {
      log += part;
      if (log.includes("standard output was closed")) resolve();
    }),
  );
  await Promise.race([warned, ended]);
  assert.match(log, /"level":"warn".*standard output was closed by its reader; the service continues/, log);
  assert.equal(child.exitCode, null);
  child.kill("SIGTERM");
  assert.equal(await ended, 0, log);
});
