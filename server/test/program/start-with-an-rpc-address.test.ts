/** The page docs/start-with-an-rpc-address.md, to the letter but for its address, its ports and the program's path: from a node to figures. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts } from "../../../scripts/servers/ports.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { addressOf, hashOf, TestChain, type TestSwap } from "../support/test-chain.ts";
import { TestNode } from "../support/test-node.ts";
import { tempDir } from "../support/tmp.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const PAGE = join(REPOSITORY, "docs/start-with-an-rpc-address.md");
const CONFIG_LINES_MAX = 30;

const USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
const WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const WBTC = "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599";
const USDC_WETH = { address: "0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640", version: "v3" } as const;
const USDC_WETH_V2 = { address: "0xb4e16d0168e52d35cacd2c6185b44281ec28c9dc", version: "v2" } as const;
const WBTC_WETH = { address: "0xcbcdf9626bc03e24f779434178a73a0b4bad62ed", version: "v3" } as const;

/** What the contracts of the page answer on the real chain. */
const CONTRACTS = {
  [USDC_WETH.address]: tokensOf(USDC, WETH),
  [USDC_WETH_V2.address]: tokensOf(USDC, WETH),
  [WBTC_WETH.address]: tokensOf(WBTC, WETH),
  [USDC]: metadataOf("USDC", 6),
  [WETH]: metadataOf("WETH", 18),
  [WBTC]: metadataOf("WBTC", 8),
};

type Row = { symbol: string; stats: { buys: number; sells: number; volume_usd: string; volume_token: string } };

function word(value: bigint): string {
  return value.toString(16).padStart(64, "0");
}

function tokensOf(token0: string, token1: string): Record<string, string> {
  return { "0x0dfe1681": `0x${word(BigInt(token0))}`, "0xd21220a7": `0x${word(BigInt(token1))}` };
}

function metadataOf(symbol: string, decimals: number): Record<string, string> {
  const text = Buffer.from(symbol).toString("hex").padEnd(64, "0");
  return {
    "0x313ce567": `0x${word(BigInt(decimals))}`,
    "0x95d89b41": `0x${word(32n)}${word(BigInt(symbol.length))}${text}`,
  };
}

/** 2,500 USDC for one WETH, as a pool of USDC/WETH has it: the root of 10^18 / (2500 x 10^6), times 2^96. */
const PRICE_2500 = 20_000n * 2n ** 96n;

function addBlock(chain: TestChain, swaps: readonly TestSwap[]): void {
  const parties = { from: addressOf("trader"), sender: addressOf("router"), recipient: addressOf("trader") };
  chain.extend([{ hash: hashOf("page", chain.head.hash), ...parties, swaps }]);
}

test("the page that starts with an RPC address leads to its figures", async (t) => {
  const page = readFileSync(PAGE, "utf8");
  const [config, serve, call, ...rest] = [...page.matchAll(/```(?:yaml|sh)\n([\s\S]*?)```/g)].map(([, text]) => text!);
  assert.deepEqual(rest, []);
  assert.ok(config!.trim().split("\n").length < CONFIG_LINES_MAX);

  const chain = new TestChain(Math.floor(Date.now() / 1000) - 400, 1);
  while (chain.head.number < 200) chain.extend([]);
  addBlock(chain, [{ pool: USDC_WETH, amount0: 5_000_000_000n, amount1: -2n * 10n ** 18n, sqrtPrice: PRICE_2500 }]);
  addBlock(chain, [{ pool: USDC_WETH_V2, amount0: -2_499_500_000n, amount1: 10n ** 18n, sqrtPrice: 0n }]);
  addBlock(chain, [{ pool: WBTC_WETH, amount0: -5_000_000n, amount1: 2n * 10n ** 18n, sqrtPrice: 1n }]);
  const node = new TestNode({ chain, chainId: 1, contracts: CONTRACTS });
  await node.start();
  t.after(() => node.close());

  const folder = tempDir(t, "page");
  const [port, metricsPort] = (await freePorts(2)) as [number, number];
  writeFileSync(join(folder, "config.yaml"), config!);
  const [, program, args] = /^ETH_RPC_URL=\S+ (npx swapstats) (.*)\n$/.exec(serve!)!;
  assert.equal(program, "npx swapstats");
  const env = {
    PATH: process.env.PATH,
    ETH_RPC_URL: node.url,
    SWAPSTATS_API_HTTP_ADDR: `127.0.0.1:${port}`,
    SWAPSTATS_METRICS_PROMETHEUS: `127.0.0.1:${metricsPort}`,
  };
  const main = join(REPOSITORY, "server/src/main.ts");
  const service = spawn(process.execPath, [main, ...args!.split(" ")], { cwd: folder, env });
  let log = "";
  for (const stream of [service.stdout, service.stderr]) stream.on("data", (part: Buffer) => (log += part.toString()));
  const ended = once(service, "exit");
  t.after(async () => {
    service.kill("SIGTERM");
    await ended;
  });

  const path = /127\.0\.0\.1:8080(\S+)'/.exec(call!)![1]!;
  const figures = async (): Promise<unknown[]> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    const { items } = (await response.json()) as { items: Row[] };
    return items.map(({ symbol, stats }) => [
      symbol,
      stats.buys,
      stats.sells,
      Number(stats.volume_usd),
      Number(stats.volume_token),
    ]);
  };
  const becomes = async (wanted: unknown[]): Promise<void> => {
    let last: unknown;
    const holds = async (): Promise<boolean> => {
      assert.equal(service.exitCode, null, log);
      last = await figures();
      return JSON.stringify(last) === JSON.stringify(wanted);
    };
    await waitFor("the figures", holds).catch((error: Error) => {
      assert.fail(`${error.message}: ${JSON.stringify(last)} and not ${JSON.stringify(wanted)}\n${log}`);
    });
  };
  await becomes([
    ["WETH", 1, 1, 7499.5, 3],
    ["WBTC", 1, 0, 5000, 0.05],
  ]);

  // The chain replaces the last two blocks, and so the sale of WETH and the purchase of WBTC.
  chain.drop(2);
  chain.extend([]);
  addBlock(chain, [{ pool: WBTC_WETH, amount0: 10_000_000n, amount1: -4n * 10n ** 18n, sqrtPrice: 1n }]);
  chain.extend([]);
  await becomes([
    ["WBTC", 0, 1, 10_000, 0.1],
    ["WETH", 1, 0, 5000, 2],
  ]);
});
