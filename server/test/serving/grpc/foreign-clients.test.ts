/** Clients of other makers: grpcio in Python, grpcurl by reflection, curl for Connect, and a page in a browser. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { promisify } from "node:util";
import { findServer } from "../../../../scripts/servers/install.ts";
import { type Gate, OPEN_GATE } from "../../../src/serving/gate.ts";
import { ProblemError } from "../../../src/serving/problems.ts";
import { browserOf, servePage } from "../../support/browser.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";
import { WETH } from "../http/stand-in-bus.ts";
import { tokenData } from "../websocket/support/door.ts";
import { openGrpcDoor } from "./support/door.ts";

const run = promisify(execFile);
const PROTO_FOLDER = resolve(import.meta.dirname, "../../../../docs/api");
const CHANNEL = "token:1:a";

requires("gRPC from Python", { servers: ["grpcio"] }, () => {
  test("a client with grpcio makes every kind of call, and resumes a stream", async (t) => {
    const door = await openGrpcDoor(t);
    door.live.set(CHANNEL, tokenData("1:a", 1));
    const script = join(import.meta.dirname, "clients", "python-client.py");
    const address = door.grpc.slice("http://".length);
    const child = spawn(findServer("grpcio") as string, [script, address, PROTO_FOLDER, tempDir(t, "grpc")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async (): Promise<unknown> => JSON.parse((await lines.next()).value as string);
    assert.deepEqual(await next(), { health: 1 });
    assert.deepEqual(await next(), { id: WETH, rev: 41, volume_usd: "350.5" });
    assert.deepEqual(await next(), { code: "NOT_FOUND", reason: "unknown_token" });
    assert.deepEqual(await next(), { sequence: 1, accepted: 1 });
    assert.deepEqual(await next(), { sequence: 2, accepted: 1 });
    assert.deepEqual(await next(), { ended: true });
    assert.deepEqual(await next(), { kind: "snapshot", rev: 41, trades: 1 });
    door.live.set(CHANNEL, tokenData("1:a", 2));
    assert.deepEqual(await next(), { kind: "patch", prev_rev: 41, rev: 42 });
    assert.deepEqual(await next(), { kind: "patch", prev_rev: 41, rev: 42 });
    assert.deepEqual(await next(), { waits: true });
    await door.door.close(5_000);
    assert.deepEqual(await next(), { kind: "shutdown" });
    assert.deepEqual(await next(), { code: "UNAVAILABLE" });
  });
});

requires("gRPC from grpcurl", { servers: ["grpcurl"] }, () => {
  test("grpcurl lists, describes and calls the services by reflection", async (t) => {
    const door = await openGrpcDoor(t);
    const address = door.grpc.slice("http://".length);
    const grpcurl = async (...args: string[]): Promise<string> =>
      (await run(findServer("grpcurl") as string, ["-plaintext", ...args])).stdout;
    assert.deepEqual((await grpcurl(address, "list")).trim().split("\n"), [
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "swapstats.v1.StatsService",
    ]);
    assert.match(await grpcurl(address, "describe", "swapstats.v1.SwapEvent"), /string amount_usd = 12;/);
    assert.match(await grpcurl(address, "describe", "swapstats.v1.StatsService.Ingest"), /stream .*IngestRequest/);
    const request = JSON.stringify({ id: "WETH", windows: ["5m"] });
    const stats = JSON.parse(await grpcurl("-d", request, address, "swapstats.v1.StatsService/GetStats"));
    assert.deepEqual([stats.stats.id, stats.stats.windows["5m"].volumeUsd], [WETH, "350.5"]);
    const health = JSON.parse(await grpcurl(address, "grpc.health.v1.Health/Check"));
    assert.deepEqual(health, { status: "SERVING" });
    await assert.rejects(grpcurl(address, "describe", "swapstats.v1.Nothing"));
  });
});

requires("Connect from curl", { programs: ["curl"] }, () => {
  test("Connect takes JSON of any client of HTTP, such as curl", async (t) => {
    const door = await openGrpcDoor(t);
    const { stdout } = await run("curl", [
      ...["-s", `${door.http}/swapstats.v1.StatsService/GetStats`, "-H", "content-type: application/json"],
      ...["-d", JSON.stringify({ id: "WETH", windows: ["5m"], fields: ["volume_usd"] })],
    ]);
    const { stats } = JSON.parse(stdout);
    assert.deepEqual([stats.id, stats.windows["5m"].volume_usd, stats.rev], [WETH, "350.5", "41"]);
    const failed = await run("curl", [
      ...["-s", `${door.http}/swapstats.v1.StatsService/GetStats`, "-H", "content-type: application/json"],
      ...["-d", JSON.stringify({ id: "nothing" })],
    ]);
    assert.equal(JSON.parse(failed.stdout).code, "not_found");
  });
});

requires("Connect and gRPC-Web in a browser", { chromium: true }, ({ chromium }) => {
  const browse = browserOf(chromium);
  const file = join(import.meta.dirname, "clients", "page.html");
  const addressOf = (origin: string, http: string): string => `${origin}/?${new URLSearchParams({ url: http })}`;

  test("a page of an origin that api.cors lists makes calls, reads errors, and holds a stream", async (t) => {
    const page = await servePage(t, file);
    const gate: Gate = {
      ...OPEN_GATE,
      admit: async (identity, operation, cost) => {
        const admitted = await OPEN_GATE.admit(identity, operation, cost);
        return operation === "overview"
          ? { ...admitted, problem: new ProblemError("rate_limited", "Enough.") }
          : admitted;
      },
    };
    const door = await openGrpcDoor(t, { gate, corsOrigins: [page.origin] });
    door.live.set(CHANNEL, tokenData("1:a", 1));
    browse(t, addressOf(page.origin, door.http));
    assert.deepEqual(await page.next(), { kind: "connect", id: WETH, status: 404, code: "not_found" });
    assert.deepEqual(await page.next(), { kind: "limited", status: 429, waits: true });
    const NOT_FOUND = "5";
    assert.deepEqual(await page.next(), { kind: "grpc-web", status: 200, code: NOT_FOUND });
    assert.equal((await page.next()).kind, "subscribed");
    assert.deepEqual(await page.next(), { kind: "snapshot", rev: "41" });
    door.live.set(CHANNEL, tokenData("1:a", 2));
    assert.deepEqual(await page.next(), { kind: "patch", rev: "42" });
  });

  test("a page of another origin gets nothing", async (t) => {
    const page = await servePage(t, file);
    const door = await openGrpcDoor(t);
    browse(t, addressOf(page.origin, door.http));
    assert.deepEqual(await page.next(), { kind: "refused", error: "TypeError" });
    assert.equal(door.bus.asked, 0);
  });
});
