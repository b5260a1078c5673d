/** The command `audit`. A stand-in serves audits, because a real service serves no wrong figure. server/test/program/audit.test.ts uses a real one. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { runCli } from "../../src/cli/run.ts";
import { memoryOutput } from "../support/memory-output.ts";

type Said = { code: number; out: string; err: string };
type Reply = { status: number; body: unknown };

async function cli(...args: string[]): Promise<Said> {
  const output = memoryOutput();
  const code = await runCli(args, output, new AbortController().signal);
  return { code, out: output.outText(), err: output.errText() };
}

const FIGURES = { open_time: 0, close_time: 60_000, complete: true, trades: 3, volume_usd: "12.5" };
const auditOf = (id: string, window: string, more: object = {}): Reply => ({
  status: 200,
  body: {
    ...{ id, symbol: "WETH", window, as_of: 60_000, served: FIGURES, recomputed: FIGURES, differences: [] },
    ...{ rows: 1_234, from: 0, to: 60_000, history_complete: true, ...more },
  },
});
const NOW_MS = Date.UTC(2026, 5, 1);
const HOUR_MS = 3_600_000;
const WRONG = { differences: [{ field: "volume_usd", served: "12.5", recomputed: "12.500001" }] };

/** A service with windows 5m and 1h, whose ranking has 7 tokens in pages of 3. Returns its address and the paths that were requested. */
async function standIn(t: TestContext, answer: (id: string, window: string, at: string | null) => Reply) {
  const paths: string[] = [];
  const tokens = Array.from({ length: 7 }, (_, i) => `1:0x${i}`);
  const server = createServer((request, response) => {
    const url = new URL(request.url!, "http://service");
    paths.push(request.url!);
    const { status, body } = replyOf(url);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  function replyOf({ pathname, searchParams }: URL): Reply {
    if (pathname === "/openapi.json") {
      const parameters = [{ name: "window", schema: { enum: ["5m", "1h"] } }];
      return { status: 200, body: { paths: { "/api/overview": { get: { parameters } } } } };
    }
    if (pathname === "/api/overview") {
      // As the service does: it ranks by its own windows alone.
      const window = searchParams.get("window");
      if (window !== null && !["5m", "1h"].includes(window))
        return { status: 400, body: { code: "invalid_parameters", detail: "window must be one of 5m, 1h" } };
      const from = Number(searchParams.get("cursor") ?? 0);
      const items = tokens.slice(from, from + 3).map((id) => ({ id }));
      const body = { as_of: Number(searchParams.get("at") ?? NOW_MS), items };
      return { status: 200, body: { ...body, ...(from + 3 < tokens.length ? { next_cursor: String(from + 3) } : {}) } };
    }
    const id = decodeURIComponent(pathname.slice("/api/audit/".length));
    return answer(id, searchParams.get("window")!, searchParams.get("at"));
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, paths };
}

describe("audit", () => {
  test("prints a line for each window of a token, and ends with 0 when all are equal", async (t) => {
    const { url } = await standIn(t, (_, window) => auditOf(`1:0x${"c0".repeat(20)}`, window));
    const { code, out } = await cli("audit", "WETH", "--url", url);
    assert.equal(code, 0);
    assert.equal(
      out,
      [
        "Token                          Symbol  Window  Swaps  Result",
        "1:0xc0c0c0c0c0c…0c0c0c0c0c0c0  WETH    5m      1,234  equal",
        "1:0xc0c0c0c0c0c…0c0c0c0c0c0c0  WETH    1h      1,234  equal",
        "",
        "Audited 2 windows of 1 token from 2,468 swaps: 2 equal, 0 different.",
        "",
      ].join("\n"),
    );
    assert.ok(out.split("\n").every((line) => line.length <= 80));
  });

  test("passes windows and instant on", async (t) => {
    const { url, paths } = await standIn(t, (id, window) => auditOf(id, window));
    const { code } = await cli("audit", "1:0xa", "1:0xb", "--window", "90s,7d", "--at", "2026-01-01", "--url", url);
    assert.equal(code, 0);
    assert.deepEqual(
      paths,
      ["a", "b"].flatMap((name) =>
        ["90s", "7d"].map((window) => `/api/audit/1%3A0x${name}?window=${window}&at=1767225600000`),
      ),
    );
  });

  test("ends with 1 and names each figure that differs", async (t) => {
    const { url } = await standIn(t, (id, window) => auditOf(id, window, window === "1h" ? WRONG : {}));
    const { code, out } = await cli("audit", "1:0xa", "--url", url);
    assert.equal(code, 1);
    assert.match(out, /1h {6}1,234 {2}1 difference\n/);
    assert.match(out, /1:0xa, 1h, volume_usd:\n {2}served {6}12\.5\n {2}recomputed {2}12\.500001\n/);
    const json = await cli("audit", "1:0xa", "--json", "--url", url);
    assert.equal(json.code, 1);
    const report = JSON.parse(json.out);
    assert.deepEqual([report.equal, report.different, report.audits[1].differences], [1, 1, WRONG.differences]);
  });

  test("with --all shows only windows that are not equal, of every page of tokens", async (t) => {
    const { url } = await standIn(t, (id, window) => auditOf(id, window, id === "1:0x6" ? WRONG : {}));
    const { code, out } = await cli("audit", "--all", "--window", "1h", "--url", url);
    assert.equal(code, 1);
    assert.match(out, /^Token .*\n1:0x6 +WETH +1h +1,234 +1 difference\n\n/);
    assert.match(out, /Audited 7 windows of 7 tokens from 8,638 swaps: 6 equal, 1 different\.\n$/);
  });

  test("--all audits windows of any length", async (t) => {
    const { url } = await standIn(t, (id, window) => auditOf(id, window));
    const { code, out } = await cli("audit", "--all", "--window", "12h", "--at", "2026-01-01", "--url", url);
    assert.equal(code, 0);
    assert.match(out, /Audited 7 windows of 7 tokens/);
  });

  test("--all lists the tokens of the instant, and of as many instants before as the windows are long", async (t) => {
    const { url, paths } = await standIn(t, (id, window) => auditOf(id, window));
    const listed = async (...args: string[]): Promise<(number | undefined)[]> => {
      paths.length = 0;
      assert.equal((await cli("audit", "--all", "--url", url, ...args)).code, 0);
      const lists = paths.filter((path) => path.startsWith("/api/overview?") && !path.includes("cursor"));
      return lists.map((path) => Number(new URLSearchParams(path.split("?")[1]).get("at") ?? Number.NaN));
    };
    const [now, atMs] = [Number.NaN, Date.UTC(2026, 0, 1)];
    assert.deepEqual(await listed(), [now]);
    assert.deepEqual(await listed("--at", "2026-01-01"), [atMs]);
    assert.deepEqual(await listed("--window", "1h,150m"), [now, NOW_MS - HOUR_MS, NOW_MS - 2 * HOUR_MS]);
    assert.deepEqual(await listed("--window", "2h", "--at", "2026-01-01"), [atMs, atMs - HOUR_MS]);
  });

  test("--sample audits so many different tokens", async (t) => {
    const { url } = await standIn(t, (id, window) => auditOf(id, window));
    const { code, out } = await cli("audit", "--all", "--sample", "4", "--json", "--url", url);
    assert.equal(code, 0);
    assert.deepEqual([JSON.parse(out).tokens, JSON.parse(out).equal], [4, 8]);
    const more = await cli("audit", "--all", "--sample", "40", "--window", "1h", "--json", "--url", url);
    assert.equal(JSON.parse(more.out).tokens, 7);
  });

  test("differences without a whole history are no errors, but comparing nothing is no success", async (t) => {
    const partly = await standIn(t, (id, window) =>
      auditOf(id, window, window === "1h" ? { ...WRONG, history_complete: false } : {}),
    );
    const { code, out } = await cli("audit", "1:0xa", "--url", partly.url);
    assert.equal(code, 0);
    assert.match(out, /1 equal, 0 different\.\n1 not compared: history does not hold all swaps of the window\.\n$/);
    assert.equal((await cli("audit", "1:0xa", "--window", "1h", "--url", partly.url)).code, 1);
  });

  test("ends with 1 when a token cannot be audited, and says why", async (t) => {
    const problem = { code: "history_off", detail: "No history is configured. Set stores.history." };
    const { url } = await standIn(t, () => ({ status: 404, body: problem }));
    const { code, out } = await cli("audit", "WETH", "--window", "5m", "--url", url);
    assert.equal(code, 1);
    assert.match(out, /WETH, 5m:\n {2}history_off: No history is configured\. Set stores\.history\.\n/);
  });

  test("repeats a request while the service is busy", async (t) => {
    let busy = 2;
    const { url } = await standIn(t, (id, window) =>
      busy-- > 0 ? { status: 503, body: { code: "overloaded" } } : auditOf(id, window),
    );
    assert.equal((await cli("audit", "WETH", "--window", "5m", "--url", url)).code, 0);
  });

  test("wrong usage ends with 2", async () => {
    for (const args of [
      [],
      ["WETH", "--all"],
      ["WETH", "--sample", "3"],
      ["--all", "--sample", "0"],
      ["x", "--at", "1"],
    ]) {
      const { code, err } = await cli("audit", ...args, "--url", "http://127.0.0.1:9");
      assert.equal(code, 2, `${args}: ${err}`);
      assert.ok(err.length > 0);
    }
  });
});
