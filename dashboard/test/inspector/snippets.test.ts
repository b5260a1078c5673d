/** The code that the inspector copies, run as it is: by a shell with curl and grpcurl, and by Node. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import { findServer } from "../../../scripts/servers/install.ts";
import { freePort } from "../../../scripts/servers/ports.ts";
import type { RunningApp } from "../../../server/test/support/app-harness.ts";
import { requires } from "../../../server/test/support/requires.ts";
import { tempDir } from "../../../server/test/support/tmp.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../../../server/test/support/tokens.ts";
import type { ChannelRequest } from "../../src/inspector/channel-request.ts";
import { type Snippet, type SnippetId, type SnippetTarget, snippetsOf } from "../../src/inspector/snippets.ts";
import { startService } from "../support/service.ts";

const REPOSITORY = resolve(import.meta.dirname, "../../..");
const ID = "1:0xabc0000000000000000000000000000000000001";
/** A symbol that every layer between the form and the service could trip over. */
const SYMBOL = `it's "$HOME" \`id\` $(id) & <b> \\ 100% é?#+/`;
const WITH_SECURITY = {
  ...{ "security.mode": "required", "security.jwt.enabled": "on", "security.jwt.alg": "HS256" },
  "security.jwt.secret": SECRET,
};

const swap = (log_index: number): object => ({
  ...{ chain_id: 1, tx_hash: "0xa1", log_index, token: ID.slice(2), token_symbol: SYMBOL, side: "buy" },
  ...{ who: "0x1", amount_token: "2", amount_usd: "5", event_time: Date.now() },
});

const snippet = (id: SnippetId, request: ChannelRequest, target: SnippetTarget): Snippet => {
  const found = snippetsOf(request, target).find((one) => one.id === id);
  assert.ok(found, `${id} of ${request.kind}`);
  return found;
};
const open = (app: RunningApp): SnippetTarget => ({ baseUrl: `${app.base}/`, needsToken: false });

async function startWithSwaps(t: TestContext, more: Readonly<Record<string, string>> = {}): Promise<RunningApp> {
  const app = await startService(t, { "ingest.source": "embedded", ...more });
  const token = tokenOf(signingKey("HS256"), { ...claimsAt(Date.now()), scope: "read ingest admin" });
  const body = JSON.stringify([swap(0), swap(1)]);
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  assert.equal((await app.call("/api/swaps", { method: "POST", body, headers })).status, 202);
  return app;
}

type Ran = { readonly stdout: string; readonly stderr: string };

/** Runs a line in a shell until its output has `until`, or until it ends. */
function run(t: TestContext, line: string, env: Readonly<Record<string, string>> = {}, until?: RegExp): Promise<Ran> {
  return execute(t, "sh", ["-c", line], env, until);
}

function execute(
  t: TestContext,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  until: RegExp | undefined,
): Promise<Ran> {
  // A group of its own, so that what the shell started ends with it.
  const child = spawn(program, args, { cwd: REPOSITORY, env: { ...process.env, ...env }, detached: true });
  let [stdout, stderr, isEnded] = ["", "", false];
  const end = (): void => {
    if (!isEnded) process.kill(-(child.pid as number), "SIGKILL");
  };
  t.after(end);
  return new Promise((done, fail) => {
    child.stdout.on("data", (data) => {
      stdout += data;
      if (until?.test(stdout)) end();
    });
    child.stderr.on("data", (data) => {
      stderr += data;
    });
    child.on("error", fail);
    child.on("close", (code) => {
      isEnded = true;
      if (until === undefined ? code === 0 : until.test(stdout)) done({ stdout, stderr });
      else fail(new Error(`${program} ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`));
    });
  });
}

const REQUESTS: readonly (readonly [request: ChannelRequest, holds: (body: never) => unknown, value: unknown])[] = [
  [
    { kind: "token", token: SYMBOL, windows: ["5m", "1h"], fields: ["trades"] },
    (body: { id: string; windows: object }) => [body.id, Object.keys(body.windows)],
    [ID, ["5m", "1h"]],
  ],
  [
    { kind: "overview", window: "5m", sort: "trades", order: "asc", limit: 3, windows: ["1h"] },
    (body: { order: string; items: { id: string; windows: object }[] }) => [
      body.order,
      body.items.map(({ id, windows }) => [id, Object.keys(windows)]),
    ],
    ["asc", [[ID, ["5m", "1h"]]]],
  ],
  [
    { kind: "candles", token: ID, interval: "1m", limit: 2 },
    (body: { id: string; interval: string; items: unknown[] }) => [body.id, body.interval, body.items.length],
    [ID, "1m", 1],
  ],
  [
    { kind: "swaps", token: SYMBOL, limit: 1 },
    (body: { items: { token_symbol: string }[] }) => body.items.map((item) => item.token_symbol),
    [SYMBOL],
  ],
  [
    { kind: "market", windows: ["5m"] },
    (body: { tokens_active: number; windows: object }) => [body.tokens_active, Object.keys(body.windows)],
    [1, ["5m"]],
  ],
  [
    { kind: "screener", query: { filter: { field: "symbol", eq: SYMBOL }, limit: 2 } },
    (body: { items: { id: string }[] }) => body.items.map(({ id }) => id),
    [ID],
  ],
];

requires("the inspector's code in a shell", { programs: ["curl"] }, () => {
  test("the copied line of curl answers what was asked for, of every kind of channel", async (t) => {
    const app = await startWithSwaps(t);
    await app.caughtUp();
    for (const [request, holds, value] of REQUESTS) {
      const { stdout } = await run(t, snippet("http", request, open(app)).text);
      assert.deepEqual(holds(JSON.parse(stdout) as never), value, stdout);
    }
  });

  test("the copied line of curl for server-sent events brings the snapshot of every kind", async (t) => {
    const app = await startWithSwaps(t);
    for (const [request] of REQUESTS) {
      const { stdout } = await run(t, snippet("sse", request, open(app)).text, {}, /event: snapshot\ndata: \{.*\}\n/);
      assert.match(stdout, /event: subscribed\n/);
    }
  });

  test("with security the lines take the token from the environment, and hold none", async (t) => {
    const app = await startWithSwaps(t, WITH_SECURITY);
    const token = tokenOf(signingKey("HS256"), claimsAt(Date.now()));
    const target = { ...open(app), needsToken: true };
    const [request] = REQUESTS[0] as (typeof REQUESTS)[number];
    const { text } = snippet("http", request, target);
    assert.ok(!text.includes(token));
    const { stdout } = await run(t, text, { SWAPSTATS_TOKEN: token });
    assert.equal(JSON.parse(stdout).id, ID);
    const refused = await run(t, text, { SWAPSTATS_TOKEN: "wrong" });
    assert.equal(JSON.parse(refused.stdout).code, "unauthorized");
    await run(t, snippet("sse", request, target).text, { SWAPSTATS_TOKEN: token }, /event: snapshot/);
  });

  test("wscat and websocat get an address, a sub-protocol, a header and a request that the service takes", async (t) => {
    const app = await startWithSwaps(t, WITH_SECURITY);
    const token = tokenOf(signingKey("HS256"), claimsAt(Date.now()));
    const env = { SWAPSTATS_TOKEN: token, PATH: `${standIns(t)}${delimiter}${process.env.PATH}` };
    for (const [request] of REQUESTS) {
      const target = { ...open(app), needsToken: true };
      const wscat = wordsOf(await run(t, snippet("wscat", request, target).text, env));
      assert.deepEqual(wscat.slice(0, 6), [
        "-c",
        `${app.base.replace("http", "ws")}/ws`,
        "-s",
        "swapstats.v1.json",
        "-H",
        `Authorization: Bearer ${token}`,
      ]);
      assert.deepEqual(wscat.slice(6, -1), ["-w", "3600", "-x"]);
      await takesRequest(wscat[1] as string, token, wscat.at(-1) as string);
      const websocat = wordsOf(await run(t, snippet("websocat", request, target).text, env));
      assert.deepEqual(websocat.slice(0, -1), [
        "-n",
        "--protocol",
        "swapstats.v1.json",
        "-H",
        `Authorization: Bearer ${token}`,
        wscat[1],
      ]);
      assert.equal(websocat.at(-1), `${wscat.at(-1)}\n`);
    }
  });
});

/** Neither tool is installed here: programs of their names print their words, and what websocat is piped. */
function standIns(t: TestContext): string {
  const folder = tempDir(t, "tools");
  for (const [name, more] of [
    ["wscat", ""],
    ["websocat", "cat; printf '\\0'"],
  ] as const) {
    writeFileSync(join(folder, name), `#!/bin/sh\nprintf '%s\\0' "$@"\n${more}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

const wordsOf = ({ stdout }: Ran): string[] => stdout.split("\0").slice(0, -1);

async function takesRequest(url: string, token: string, request: string): Promise<void> {
  const socket = new WebSocket(url, "swapstats.v1.json", { headers: { Authorization: `Bearer ${token}` } });
  const kinds: string[] = [];
  await new Promise<void>((done, fail) => {
    socket.on("open", () => socket.send(request));
    socket.on("error", fail);
    socket.on("message", (data) => {
      const { type, message } = JSON.parse(String(data));
      kinds.push(type);
      if (type === "error") fail(new Error(message));
      if (type === "snapshot") done();
    });
  });
  socket.close();
  assert.deepEqual(kinds, ["subscribed", "snapshot"]);
}

requires("the inspector's code for gRPC", { servers: ["grpcurl"] }, () => {
  test("the copied line of grpcurl brings a snapshot, at the port that the reader puts in", async (t) => {
    const port = await freePort();
    const app = await startWithSwaps(t, { "api.grpc.addr": `127.0.0.1:${port}` });
    const folder = dirname(findServer("grpcurl") as string);
    for (const [request] of REQUESTS.filter(([{ kind }]) => kind !== "screener")) {
      const { text, note } = snippet("grpcurl", request, open(app));
      assert.match(note, /9090/);
      const line = text.replace("127.0.0.1:9090", `127.0.0.1:${port}`);
      await run(t, line, { PATH: `${folder}${delimiter}${process.env.PATH}` }, /"snapshot": \{/);
    }
  });
});

describe("the inspector's code for the client", () => {
  test("the copied program shows the data of every kind of channel", async (t) => {
    const app = await startWithSwaps(t);
    for (const [request] of REQUESTS) {
      const { text } = snippet("sdk", request, open(app));
      await execute(t, process.execPath, ["--input-type=module", "-e", text], {}, /^\d+ \{[\s\S]*\}/);
    }
  });
});

describe("the text of snippets", () => {
  const target = { baseUrl: "https://swaps.example.com/prefix/", needsToken: true };
  const request: ChannelRequest = { kind: "token", token: "WETH", windows: ["5m"], conflateMs: 500 };
  const textOf = (id: SnippetId): string => snippet(id, request, target).text;

  test("is readable, keeps a path prefix, and uses TLS where the page does", () => {
    assert.equal(
      textOf("http"),
      `curl -sS 'https://swaps.example.com/prefix/api/tokens/WETH/stats?windows=5m' \\\n  -H "Authorization: Bearer $SWAPSTATS_TOKEN"`,
    );
    assert.match(
      textOf("sse"),
      /^curl -sSN 'https:\/\/swaps\.example\.com\/prefix\/api\/stream\?channels=token:WETH&windows=5m&conflate_ms=500' /,
    );
    assert.match(textOf("wscat"), /^wscat -c wss:\/\/swaps\.example\.com\/prefix\/ws -s swapstats\.v1\.json /);
    assert.match(textOf("grpcurl"), /^grpcurl -d .*\n.*\n {2}swaps\.example\.com:9090 /);
    assert.match(textOf("sdk"), /client\.token\("WETH", \{ windows: \["5m"\], conflateMs: 500 \}\);/);
    assert.match(textOf("sdk"), /url: "https:\/\/swaps\.example\.com\/prefix", token: process\.env\.SWAPSTATS_TOKEN/);
  });

  test("a tool that does not have the channel is left out", () => {
    const ids = (one: ChannelRequest): string[] => snippetsOf(one, target).map(({ id }) => id);
    assert.deepEqual(ids(request), ["sdk", "http", "sse", "wscat", "websocat", "grpcurl"]);
    assert.deepEqual(ids({ kind: "screener", query: {} }), ["sdk", "http", "sse", "wscat", "websocat"]);
    // Commas separate the channels of an event stream.
    assert.deepEqual(ids({ kind: "token", token: "A,B" }), ["sdk", "http", "wscat", "websocat", "grpcurl"]);
  });
});
