/** The door `/mcp` and the command `mcp`, driven by the client of the protocol's own SDK, against the whole program. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { type RunningApp, TestApps } from "../../support/app-harness.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../../support/tokens.ts";

const WETH = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const nowMs = Date.now();
const swap = (index: number, usd: string) => ({
  ...{ chain_id: 1, tx_hash: `0x${index}`, log_index: index, token: WETH.slice(2), token_symbol: "WETH", side: "buy" },
  ...{ amount_token: "1", amount_usd: usd, event_time: nowMs - 1_000 * index, who: `0x${index}` },
});

type ToolAnswer = {
  isError?: boolean;
  content: { type: string; text: string }[];
  structuredContent?: Record<string, unknown>;
};

const REQUIRED = {
  ...{ "security.mode": "required", "security.jwt.enabled": "on", "security.jwt.alg": "HS256" },
  "security.jwt.secret": SECRET,
};
const tokenWith = (scope: string): string => tokenOf(signingKey("HS256"), claimsAt(Date.now(), { scope }));

async function started(t: TestContext): Promise<RunningApp> {
  const app = await new TestApps(t).start({ "api.mcp": "on" });
  await app.post([swap(1, "10"), swap(2, "20.5")]);
  await app.caughtUp();
  return app;
}

async function overHttp(t: TestContext, { base }: RunningApp, token?: string): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  const requestInit = token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${base}/mcp`), { requestInit }));
  t.after(() => client.close());
  return client;
}

async function overStdio(t: TestContext, { base }: RunningApp, token?: string): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  const args = ["server/src/main.ts", "mcp", "--url", base];
  const env = { ...getDefaultEnvironment(), ...(token === undefined ? {} : { SWAPSTATS_TOKEN: token }) };
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env, stderr: "inherit" }));
  t.after(() => client.close());
  return client;
}

const call = async (client: Client, name: string, args: Record<string, unknown>): Promise<ToolAnswer> =>
  (await client.callTool({ name, arguments: args })) as ToolAnswer;

/** Every reference in the schema of a tool names a part of the same schema. */
function assertStandsAlone(tool: string, schema: object): void {
  const { $defs = {} } = schema as { $defs?: Record<string, unknown> };
  for (const [, name = ""] of JSON.stringify(schema).matchAll(/"\$ref":"([^"]*)"/g)) {
    assert.ok(Object.hasOwn($defs, name.replace("#/$defs/", "")), `${tool}: ${name}`);
  }
}

describe("tools for agents", () => {
  for (const [name, connected] of [
    ["over HTTP", overHttp],
    ["over standard input and output", overStdio],
  ] as const) {
    test(`${name}, each tool answers with what the API answers`, async (t) => {
      const app = await started(t);
      const client = await connected(t, app);
      const { tools } = await client.listTools();
      const asked: Record<string, [args: Record<string, unknown>, path: string | undefined]> = {
        token_stats: [
          { id: "WETH", windows: ["5m"], fields: "volume_usd" },
          `/api/tokens/WETH/stats?windows=5m&fields=volume_usd`,
        ],
        tokens_stats: [{ ids: [WETH], windows: ["5m"] }, undefined],
        overview: [{ window: "5m", limit: 3 }, "/api/overview?window=5m&limit=3"],
        screener: [{ filter: { not: { field: "symbol", eq: "NOPE" } }, windows: ["5m"] }, undefined],
        candles: [{ id: WETH, interval: "1m" }, `/api/tokens/${encodeURIComponent(WETH)}/candles?interval=1m`],
        swaps: [{ id: "weth", limit: 1 }, "/api/tokens/weth/swaps?limit=1"],
        search_tokens: [{ query: "we" }, "/api/tokens?query=we"],
        market: [{ windows: ["5m"] }, "/api/market?windows=5m"],
        status: [{}, "/api/status"],
      };
      assert.deepEqual(tools.map((tool) => tool.name).sort(), Object.keys(asked).sort());
      for (const { name: tool, inputSchema } of tools) assertStandsAlone(tool, inputSchema);
      for (const [tool, [args, path]] of Object.entries(asked)) {
        const answer = await call(client, tool, args);
        assert.ok(answer.isError !== true, `${tool}: ${JSON.stringify(answer)}`);
        assert.deepEqual(JSON.parse(answer.content[0]?.text as string), answer.structuredContent);
        if (path !== undefined)
          assert.deepEqual(Object.keys(answer.structuredContent as object), Object.keys((await app.call(path)).json));
      }
      const stats = (await call(client, "token_stats", { id: "WETH", windows: "5m" })).structuredContent as {
        windows: Record<string, { volume_usd: string }>;
      };
      assert.equal(stats.windows["5m"]?.volume_usd, "30.5");
    });

    test(`${name}, a wrong argument, an unknown token and an unknown tool are told to the agent`, async (t) => {
      const client = await connected(t, await started(t));
      for (const [tool, args, expected] of [
        ["overview", { window: "7m" }, /window/],
        ["token_stats", { id: "NOPE" }, /unknown_token/],
        ["drop_everything", {}, /There is no tool/],
      ] as const) {
        const answer = await call(client, tool, args);
        assert.equal(answer.isError, true);
        assert.match(answer.content[0]?.text as string, expected);
      }
    });

    test(`${name}, the scope read suffices for figures, and the status says that it needs admin`, async (t) => {
      const app = await new TestApps(t).start({ ...REQUIRED, "api.mcp": "on" });
      const reader = await connected(t, app, tokenWith("read"));
      assert.notEqual((await call(reader, "market", { windows: "5m" })).isError, true);
      const refused = await call(reader, "status", {});
      assert.equal(refused.isError, true);
      assert.match(refused.content[0]?.text as string, /"This needs the scope admin; the credentials have read\."/);
      const operator = await connected(t, app, tokenWith("read admin"));
      assert.notEqual((await call(operator, "status", {})).isError, true);
    });
  }

  test("without credentials nobody gets a tool, nor with credentials of another scope", async (t) => {
    const { base } = await new TestApps(t).start({ ...REQUIRED, "api.mcp": "on" });
    const ask = async (headers: Record<string, string>): Promise<number> => {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
      const given = { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers };
      return (await fetch(`${base}/mcp`, { method: "POST", headers: given, body })).status;
    };
    assert.deepEqual([await ask({}), await ask({ authorization: `Bearer ${tokenWith("ingest admin")}` })], [401, 403]);
  });

  test("the path is not there unless it is turned on", async (t) => {
    const app = await new TestApps(t).start();
    const { status } = await fetch(`${app.base}/mcp`, { method: "POST", body: "{}" });
    assert.equal(status, 404);
  });

  test("a message beyond the limit is refused before it is read", async (t) => {
    const { base } = await started(t);
    const { status } = await fetch(`${base}/mcp`, {
      ...{ method: "POST", headers: { "content-type": "application/json" }, body: `"${"x".repeat(256 * 1024 + 1)}"` },
    });
    assert.equal(status, 413);
  });
});
