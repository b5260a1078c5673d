/** A running HTTP door on a free port, and clients for it: `call` checks every response against the OpenAPI document, `raw` is a bare socket. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { TokenSigner } from "../../../src/access/identity/token-signer.ts";
import type { JwtConfig } from "../../../src/config/build/security.ts";
import type { LineSink } from "../../../src/observability/bounded-sink.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { Metrics } from "../../../src/observability/metrics.ts";
import { OPEN_GATE } from "../../../src/serving/gate.ts";
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from "../../../src/serving/http/http-limits.ts";
import { createHttpServer, type HttpServer } from "../../../src/serving/http/http-server.ts";
import type { HttpServerOptions } from "../../../src/serving/http/http-server-options.ts";
import { openApiOf } from "../../../src/serving/http/openapi.ts";
import { operationsOf } from "../../../src/serving/http/operations.ts";
import { PENDING_QUERIES_MAX, QueryExecutor } from "../../../src/serving/query-executor.ts";
import { ResponseChecker } from "./response-checker.ts";
import { StandInBus, StandInIngest } from "./stand-in-bus.ts";

/** Clock of the service. */
export const NOW_MS = 1_700_000_300_000;

const JWT: JwtConfig = {
  ...{ algorithm: "HS256", key: { kind: "secret", secret: "a secret of the tests, with more than 32 bytes" } },
  ...{ audience: undefined, issuer: undefined, leewaySec: 30, privateKeyPath: undefined },
};

export const WINDOWS = ["1m", "5m", "1h", "24h"];
const WINDOW_LENGTHS_MS = [60_000, 300_000, 3_600_000, 86_400_000];

export type Answer = { status: number; headers: Headers; text: string; json: Record<string, unknown> };

export type Harness = {
  bus: StandInBus;
  ingest: StandInIngest;
  metrics: Metrics;
  server: HttpServer;
  port: number;
  logLines: string[];
  call: (path: string, init?: RequestInit) => Promise<Answer>;
  raw: () => Promise<RawClient>;
};

type QueryLimits = { readonly pendingQueriesMax: number; readonly queryTimeoutMs: number };
type HarnessOptions = Partial<Omit<HttpServerOptions, "limits">> & {
  /** Bucket steps of the windows. */
  readonly stepsMs?: readonly number[];
  readonly limits?: Partial<HttpLimits & QueryLimits>;
};

export async function startHarness(t: TestContext, overrides: HarnessOptions = {}): Promise<Harness> {
  const bus = new StandInBus();
  const ingest = new StandInIngest();
  const metrics = new Metrics();
  const logLines: string[] = [];
  const sink: LineSink = { write: (line) => void logLines.push(line) };
  const server = await createHttpServer({
    executor: new QueryExecutor({
      bus,
      windows: WINDOWS.map((name, i) => ({
        name,
        lengthMs: WINDOW_LENGTHS_MS[i] as number,
        stepMs: (overrides.stepsMs ?? [1_000, 5_000, 60_000, 300_000])[i] as number,
      })),
      pendingMax: overrides.limits?.pendingQueriesMax ?? PENDING_QUERIES_MAX,
      timeoutMs: overrides.limits?.queryTimeoutMs ?? 60_000,
    }),
    gate: OPEN_GATE,
    credentials: {
      issueTicket: () => Promise.resolve({ text: "ticket", expiresAtMs: 1_700_000_330_000 }),
      signer: new TokenSigner(JWT),
    },
    ingest: { port: ingest, mappings: ["trades"] },
    upgrade: undefined,
    mounts: [],
    instanceId: "host-a",
    feeders: () => [],
    history: async () => undefined,
    version: "0.0.0-test",
    readyLagMs: 10_000,
    maxBodyBytes: 64 * 1024,
    corsOrigins: [],
    dashboardDir: undefined,
    hostRule: { kind: "any" },
    logger: createLogger({ level: "info", format: "json" }, sink),
    metrics,
    nowMs: () => NOW_MS,
    ...overrides,
    limits: { ...DEFAULT_HTTP_LIMITS, ...overrides.limits },
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => server.close(0));
  const checker = new ResponseChecker(openApiOf(operationsOf(WINDOWS), "0.0.0-test", WINDOWS));
  return {
    bus,
    ingest,
    metrics,
    server,
    port,
    logLines,
    call: (path, init) => call(checker, port, path, init),
    raw: () => openRaw(port),
  };
}

async function call(checker: ResponseChecker, port: number, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  const text = await response.text();
  const contentType = response.headers.get("content-type") ?? "";
  checker.check(init.method ?? "GET", path, response.status, contentType, text, response.headers);
  const json = contentType.includes("json") && text !== "" ? JSON.parse(text) : {};
  return { status: response.status, headers: response.headers, text, json };
}

/** Asserts a problem document with this code. */
export function assertProblem(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  assert.equal(answer.json.code, code, answer.text);
  assert.equal(answer.json.status, status);
}

export type RawClient = {
  socket: Socket;
  send: (text: string) => void;
  /** Everything received until the other side ended or destroyed the connection. */
  closed: Promise<string>;
  /** Resolves when the received bytes contain the text. */
  until: (text: string) => Promise<string>;
};

export async function openRaw(port: number): Promise<RawClient> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  let got = "";
  socket.on("data", (chunk) => {
    got += chunk.toString("latin1");
  });
  // A reset is one of the ways in which the other side ends a connection.
  socket.on("error", () => socket.destroy());
  const closed = new Promise<string>((resolve) => {
    socket.on("end", () => resolve(got));
    socket.on("close", () => resolve(got));
  });
  void closed.then(() => socket.destroy());
  const until = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        if (got.includes(text)) resolve(got);
      };
      socket.on("data", look);
      socket.on("close", () => reject(new Error(`closed before ${JSON.stringify(text)}; got ${JSON.stringify(got)}`)));
      look();
    });
  return { socket, send: (text) => void socket.write(text), closed, until };
}
