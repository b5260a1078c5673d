/** The page docs/start-with-postgres.md, to the letter but for its ports, its password and the program's path: from a table to figures. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts } from "../../../scripts/servers/ports.ts";
import { startPostgres } from "../../../scripts/servers/postgres.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const PAGE = join(REPOSITORY, "docs/start-with-postgres.md");
const CONFIG_LINES_MAX = 30;

type Row = { symbol: string; stats: { buys: number; sells: number; volume_usd: string } };

/** The blocks of the page in their order: the table, two files, two commands, a trigger. */
function blocksOfPage(): string[] {
  return [...readFileSync(PAGE, "utf8").matchAll(/```(?:sql|yaml|sh)\n([\s\S]*?)```/g)].map(([, text]) => text!);
}

requires("the page about a PostgreSQL table", { servers: ["postgres"] }, () => {
  test("the page that starts with a PostgreSQL table leads to its figures", async (t) => {
    const [table, config, mapping, serve, call, trigger, ...rest] = blocksOfPage() as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    assert.deepEqual(rest, []);
    assert.ok(`${config}${mapping}`.trim().split("\n").length < CONFIG_LINES_MAX);
    const server = await startPostgres({ folder: tempDir(t, "postgres") });
    t.after(() => server.stop());
    await server.sql(table);

    const folder = tempDir(t, "page");
    const [port, metricsPort] = (await freePorts(2)) as [number, number];
    const withPort = (text: string): string => text.replace("127.0.0.1:5432", `127.0.0.1:${server.port}`);
    assert.notEqual(withPort(config), config);
    writeFileSync(join(folder, "config.yaml"), withPort(config));
    writeFileSync(join(folder, "trades-mapping.yaml"), mapping);
    const [, password, program, args] = /^TRADES_PASSWORD=(\S+) (npx swapstats) (.*)\n$/.exec(serve)!;
    assert.equal(program, "npx swapstats");
    const env = {
      PATH: process.env.PATH,
      TRADES_PASSWORD: password,
      SWAPSTATS_API_HTTP_ADDR: `127.0.0.1:${port}`,
      SWAPSTATS_METRICS_PROMETHEUS: `127.0.0.1:${metricsPort}`,
    };
    const service = spawn(process.execPath, [join(REPOSITORY, "server/src/main.ts"), ...args!.split(" ")], {
      cwd: folder,
      env,
    });
    let log = "";
    for (const stream of [service.stdout, service.stderr])
      stream.on("data", (part: Buffer) => (log += part.toString()));
    const ended = once(service, "exit");
    t.after(async () => {
      service.kill("SIGTERM");
      await ended;
    });

    const path = /127\.0\.0\.1:8080(\S+)'/.exec(call)![1]!;
    const rows = async (): Promise<Row[]> => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return ((await response.json()) as { items: Row[] }).items;
    };
    await waitFor("both tokens", async () => service.exitCode === null && (await rows()).length === 2).catch(
      (error: Error) => assert.fail(`${error.message}\n${log}`),
    );
    const figures = (await rows()).map(({ symbol, stats }) => [
      symbol,
      stats.buys,
      stats.sells,
      Number(stats.volume_usd),
    ]);
    assert.deepEqual(figures, [
      ["WETH", 1, 1, 3700],
      ["PEPE", 1, 0, 15.6],
    ]);

    await server.sql(trigger);
    await server.sql(`INSERT INTO trades (executed_at, tx_hash, token, direction, amount, usd)
      VALUES (now(), '0xa4', '0x6982508145454Ce325dDbE47a25d4ec3d2311933', 'SELL', 1000000, 1.25)`);
    await waitFor("the new row", async () =>
      (await rows()).some(({ symbol, stats }) => symbol === "PEPE" && stats.sells === 1),
    );
  });
});
