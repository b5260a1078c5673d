/**
 * Clients of live data while the program is killed with SIGKILL and started again, under load. Each connects again, says what it holds, is told that
 * it starts with a snapshot, and ends with what HTTP answers.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { freePort } from "../../../scripts/servers/ports.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { Ledger, type LiveClient, type Wanted } from "../instances/live-client.ts";
import { EventStreamClient, SubscribeClient, WebSocketClient } from "../instances/live-doors.ts";
import { comparedOf, truthOf } from "../instances/live-truth.ts";
import { SwapMaker } from "../serving/websocket/support/swap-maker.ts";
import { type Random, randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { ServiceProcess } from "./service-process.ts";

const KILLS = 3;
const AGREE_LIMIT_MS = 120_000;
const TOKENS = ["1:aa", "1:bb", "56:cc", "56:dd"];
const QUERY = { filter: { field: "trades", window: "1m", gte: 2 }, windows: ["1m"], limit: 10 };
const WANTED: readonly Wanted[] = [
  { channel: "candles:1:aa:1m" },
  { channel: "candles:56:cc:5s" },
  // Removals shorten the list of a client, of which the newest swaps are compared.
  { channel: "swaps:1:aa", limit: 100 },
  { channel: "market" },
  { channel: "screener", query: QUERY },
];
/** Server-sent events have options of the whole stream, which the client of this test does not send. */
const WITHOUT_OPTIONS = WANTED.filter((wanted) => Object.keys(wanted).length === 1);

/** The program at the same addresses after each start. */
class Program {
  readonly #dataDir: string;
  readonly #port: number;
  readonly #grpcPort: number;
  #service: ServiceProcess;

  private constructor(dataDir: string, port: number, grpcPort: number) {
    this.#dataDir = dataDir;
    this.#port = port;
    this.#grpcPort = grpcPort;
    this.#service = this.#spawned();
  }

  static async start(t: TestContext): Promise<Program> {
    // Registered before the folder is made: hooks run in this order, and the folder must be removed last.
    t.after(() => program?.kill());
    let program: Program | undefined;
    program = new Program(tempDir(t, "live-channels"), await freePort(), await freePort());
    return program;
  }

  get http(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get grpc(): string {
    return `127.0.0.1:${this.#grpcPort}`;
  }

  get service(): ServiceProcess {
    return this.#service;
  }

  async kill(): Promise<void> {
    await this.#service.kill("SIGKILL");
  }

  async restart(): Promise<void> {
    this.#service = this.#spawned();
    await this.#service.caughtUp();
  }

  /** Responses of HTTP, for comparisons. */
  readonly call = async (path: string, init: RequestInit = {}): Promise<never> => {
    const headers = { "content-type": "application/json" };
    return (await (await fetch(`http://${this.http}${path}`, { headers, ...init })).json()) as never;
  };

  #spawned(): ServiceProcess {
    return new ServiceProcess(this.#port, this.#dataDir, {
      ...{ SWAPSTATS_WINDOWS_LIST: "1m,5m,1h", SWAPSTATS_INGEST_EMBEDDED_PARTITIONS: "4", SWAPSTATS_APP_WORKERS: "2" },
      ...{ SWAPSTATS_APP_SNAPSHOT_INTERVAL: "200ms", SWAPSTATS_API_GRPC_ADDR: this.grpc },
    });
  }
}

/** Sends swaps until the signal, and repeats those that were not acknowledged, as a careful producer does. */
async function send(program: Program, maker: SwapMaker, random: Random, signal: AbortSignal): Promise<void> {
  let body = "";
  while (!signal.aborted || body !== "") {
    if (body === "")
      body = maker
        .batch(1 + random.below(8))
        .map((swap) => JSON.stringify(swap))
        .join("\n");
    const sent = await program.service.post(body).catch(() => undefined);
    if (sent !== undefined) body = "";
    await pause(random.below(20));
  }
}

function clientsOf({ http, grpc }: Program): LiveClient[] {
  const ledger = new Ledger();
  const setup = (name: string, address: string, wanted = WANTED) => ({ name, address, token: "none", wanted, ledger });
  return [
    ...["json", "json-patch", "protobuf"].map((name) => new WebSocketClient(setup(name, http), name)),
    new EventStreamClient(setup("sse", http, WITHOUT_OPTIONS)),
    new SubscribeClient(setup("grpc", grpc), "grpc"),
  ];
}

/** Resolves when every client holds what HTTP answers. */
async function allAgree(program: Program, clients: readonly LiveClient[]): Promise<void> {
  for (const client of clients) {
    for (const wanted of client instanceof EventStreamClient ? WITHOUT_OPTIONS : WANTED) {
      let seen: readonly unknown[] = [];
      const agrees = async (): Promise<boolean> => {
        const [channel, held] = [...client.held].find(([name]) => name.startsWith(wanted.channel)) ?? [];
        if (channel === undefined || held === undefined || !client.isCurrent) return false;
        seen = [comparedOf(channel, held), (await truthOf(program, wanted)).data];
        return isDeepStrictEqual(seen[0], seen[1]);
      };
      await waitFor("the client holds what HTTP answers", agrees, AGREE_LIMIT_MS).catch(() => {
        assert.deepEqual(seen[0], seen[1], `${client.waitsFor}; ${wanted.channel}`);
        assert.fail(`${client.waitsFor}; ${wanted.channel}`);
      });
    }
  }
}

test("clients of candles, swaps, the market and the screener hold what HTTP answers after each kill", async (t) => {
  const random = randomFrom(seedOf(t));
  const program = await Program.start(t);
  await program.service.caughtUp();
  const maker = new SwapMaker(TOKENS, random);
  const first = Array.from({ length: 120 }, (_, i) => maker.swap("1:aa", 5_000 + 500 * i));
  const others = TOKENS.slice(1).map((id) => maker.swap(id, 5_000));
  await program.service.post([...first, ...others].map((swap) => JSON.stringify(swap)).join("\n"));
  const clients = clientsOf(program);
  t.after(() => {
    for (const client of clients) client.close();
  });
  for (const client of clients) client.connect();
  await allAgree(program, clients);
  for (let kill = 1; kill <= KILLS; kill++) {
    const stop = new AbortController();
    const sending = send(program, maker, random, stop.signal);
    await pause(random.below(700));
    await program.kill();
    await program.restart();
    stop.abort();
    await sending;
    await program.service.caughtUp();
    await allAgree(program, clients);
    for (const { name, told, connections } of clients) {
      assert.ok(connections > kill, `${name} connected ${connections} times`);
      const channels = name === "sse" ? WITHOUT_OPTIONS.length : WANTED.length;
      assert.ok(told.restarted >= kill * channels, `${name}: ${JSON.stringify(told)}`);
    }
  }
  assert.deepEqual(
    clients.flatMap(({ faults }) => faults),
    [],
  );
});
