/**
 * Every operation of every door asks the gate: for credentials, for their scope, and for units of the limit. The cases are total by the table of
 * operations, so a new operation does not compile before it has one. Each sender has one unit of each kind, so that its second request is limited.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import { TokenSigner } from "../../src/access/identity/token-signer.ts";
import type { Scope } from "../../src/access/identity.ts";
import { OPERATION_RULES, type OperationName, ruleOf } from "../../src/serving/operation-rules.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";

const SECRET = "a secret of the tests, with more than 32 bytes";
const ONE_UNIT = { refill_per_sec: "0.001", burst: "1" };
const KINDS = ["", ".connects", ".messages", ".subscriptions"];
const SENDERS = ["by_jwt", "by_ip"];

const CONFIG: Record<string, string> = {
  "security.mode": "required",
  "security.jwt.enabled": "on",
  "security.jwt.alg": "HS256",
  "security.jwt.secret": SECRET,
  "security.dev_tokens": "on",
  "api.grpc.addr": "127.0.0.1:0",
  "api.udf": "on",
  "api.mcp": "on",
  "rate_limit.trusted_proxies": "127.0.0.0/8",
  ...Object.fromEntries(
    SENDERS.flatMap((name) =>
      KINDS.flatMap((kind) =>
        Object.entries(ONE_UNIT).map(([key, value]) => [`rate_limit.${name}${kind}.${key}`, value]),
      ),
    ),
  ),
};

type Outcome = "answered" | "unauthorized" | "forbidden" | "limited";
type Sender = { readonly token: string | undefined; readonly address: string };
/** A sender's way to one operation. A connection is opened once. */
type Way = { ask(): Promise<Outcome>; close(): void };
type Door = (app: RunningApp, sender: Sender) => Promise<Way>;

const fieldsOf = ({ token, address }: Sender): Record<string, string> => ({
  "x-forwarded-for": address,
  ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
});

/** Whatever is neither a refusal of credentials nor a limit was answered, also with a problem: it has passed the gate. */
function outcomeOf({ status, headers }: Response): Outcome {
  if (status === 401) assert.match(headers.get("www-authenticate") ?? "", /^Bearer/);
  if (status === 429) {
    assert.match(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    assert.match(headers.get("ratelimit") ?? "", /^"by_(jwt|ip)(_\w+)?";r=0;t=\d+$/);
    assert.match(headers.get("ratelimit-policy") ?? "", /^"by_(jwt|ip)(_\w+)?";q=1;w=1000$/);
  }
  const refusals: Record<number, Outcome> = { 401: "unauthorized", 403: "forbidden", 429: "limited" };
  return refusals[status] ?? "answered";
}

function http(path: string, init: RequestInit & { readonly headers?: Record<string, string> } = {}): Door {
  return httpAt(({ base }) => base, path, init);
}

function httpAt(
  baseOf: (app: RunningApp) => string,
  path: string,
  init: RequestInit & { readonly headers?: Record<string, string> } = {},
): Door {
  return async (app, sender) => ({
    ask: async () => {
      const stop = new AbortController();
      const response = await fetch(baseOf(app) + path, {
        ...init,
        headers: { ...fieldsOf(sender), ...init.headers },
        signal: stop.signal,
      });
      const outcome = outcomeOf(response);
      // A stream does not end by itself.
      stop.abort();
      return outcome;
    },
    close: () => {},
  });
}

const post = (path: string, body: object, headers: Record<string, string> = {}): Door =>
  http(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });

/** A handshake of WebSocket; each is a connection of its own. */
const handshake: Door = async (app, sender) => ({
  ask: async () => {
    const { ws, outcome } = await connect(app, sender);
    ws.terminate();
    return outcome;
  },
  close: () => {},
});

async function connect({ base }: RunningApp, sender: Sender): Promise<{ ws: WebSocket; outcome: Outcome }> {
  const ws = new WebSocket(`${base.replace("http", "ws")}/ws`, [], { headers: fieldsOf(sender) });
  ws.on("error", () => {});
  const opened = once(ws, "open").then((): Outcome => "answered");
  const refused = once(ws, "unexpected-response").then(([, response]): Outcome => {
    const headers = new Headers(Object.entries(response.headers as Record<string, string>));
    return outcomeOf({ status: response.statusCode, headers } as Response);
  });
  return { ws, outcome: await Promise.race([opened, refused]) };
}

/** Messages on one connection. */
const message =
  (request: object | string): Door =>
  async (app, sender) => {
    const { ws, outcome } = await connect(app, sender);
    let id = 0;
    return {
      ask: async () => {
        if (outcome !== "answered") return outcome;
        id += 1;
        const responded = new Promise<{ code?: string }>((resolve) => {
          ws.on("message", (data) => {
            const response = JSON.parse(String(data)) as { id?: number; type: string; code?: string };
            if (response.id === id || (typeof request === "string" && response.type === "error")) resolve(response);
          });
        });
        ws.send(typeof request === "string" ? request : JSON.stringify({ ...request, id }));
        const { code } = await responded;
        return code === "rate_limited" ? "limited" : "answered";
      },
      close: () => ws.terminate(),
    };
  };

/** A unary call by Connect: it takes the way of gRPC and gRPC-Web through the same router. */
const call = (path: string, body: object): Door => post(path, body, { "connect-protocol-version": "1" });

/** Numbers of gRPC's statuses. */
const GRPC_OUTCOMES: Readonly<Record<string, Outcome>> = { 16: "unauthorized", 7: "forbidden", 8: "limited" };

/** A call by gRPC, with an empty message. What becomes of it behind the gate does not matter. */
const grpc =
  (path: string): Door =>
  async ({ app }, sender) => {
    const session = connectHttp2(`http://127.0.0.1:${app.addresses.grpc?.port}`);
    session.on("error", () => {});
    return {
      ask: async () => {
        const fields = { "content-type": "application/grpc", te: "trailers", ...fieldsOf(sender) };
        const stream = session.request({ ":method": "POST", ":path": path, ...fields });
        const status = new Promise<string>((resolve) => {
          const read = (headers: IncomingHttpHeaders): void => {
            // A stream of live data has a status at its end alone, and no response at all before it.
            if (headers["grpc-status"] !== undefined) resolve(String(headers["grpc-status"]));
          };
          stream.on("response", read);
          stream.on("trailers", read);
        });
        stream.on("error", () => {});
        stream.end(Buffer.from([0, 0, 0, 0, 0]));
        stream.resume();
        return GRPC_OUTCOMES[await status] ?? "answered";
      },
      close: () => session.destroy(),
    };
  };

const STATS = "/swapstats.v1.StatsService";
const TOKEN = "/api/tokens/1:a";

/** Every way to each operation. */
const DOORS: Readonly<Record<OperationName, readonly Door[]>> = {
  tokenStats: [http(`${TOKEN}/stats`), call(`${STATS}/GetStats`, { token: "1:a" }), grpc(`${STATS}/GetStats`)],
  tokensStats: [post("/api/tokens/stats", { ids: ["1:a"] }), call(`${STATS}/BatchGetStats`, { ids: ["1:a"] })],
  shortStats: [http("/stats?token=1:a")],
  overview: [
    http("/api/overview?window=5m&sort=trades"),
    call(`${STATS}/GetOverview`, { window: "5m", sort: "trades" }),
  ],
  candles: [
    http(`${TOKEN}/candles?interval=1m&limit=1`),
    call(`${STATS}/GetCandles`, { token: "1:a", interval: "1m", limit: 1 }),
  ],
  swaps: [http(`${TOKEN}/swaps`), call(`${STATS}/ListSwaps`, { token: "1:a" })],
  screener: [post("/api/screener", { limit: 1 }), call(`${STATS}/Screen`, { limit: 1 })],
  search: [http("/api/tokens?query=a")],
  market: [http("/api/market")],
  audit: [http("/api/audit/1:a")],
  ingest: [post("/api/swaps", []), grpc(`${STATS}/Ingest`)],
  deadLetters: [http("/api/dead-letters")],
  healthz: [http("/healthz")],
  readyz: [http("/readyz")],
  status: [http("/api/status")],
  metrics: [httpAt(({ metricsBase }) => metricsBase, "/metrics")],
  openapi: [http("/openapi.json")],
  asyncapi: [http("/asyncapi.json")],
  docs: [http("/docs")],
  docsAsset: [http("/docs/assets/a/b.js")],
  index: [http("/")],
  dashboard: [http("/", { headers: { accept: "text/html,*/*;q=0.8" } })],
  dashboardAsset: [http("/assets/a.js")],
  unmatched: [http("/nothing"), http("/api/status", { method: "DELETE" })],
  authTicket: [http("/api/auth/ticket", { method: "POST" })],
  authToken: [post("/api/auth/token", { sub: "ada" })],
  grpcHealth: [grpc("/grpc.health.v1.Health/Check")],
  grpcReflection: [grpc("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")],
  udf: [http("/udf/config"), http("/udf/time")],
  mcp: [
    post("/mcp", { jsonrpc: "2.0", id: 1, method: "tools/list" }, { accept: "application/json, text/event-stream" }),
  ],
  connect: [handshake],
  stream: [http("/api/stream?channels=overview:5m:trades"), grpc(`${STATS}/Subscribe`)],
  subscribe: [
    message({ subscribe: "overview:5m:trades" }),
    message({ resume: [{ channel: "market", epoch: "x", rev: 1 }] }),
  ],
  unsubscribe: [message({ unsubscribe: "market" })],
  set: [message({ set: { channel: "market", conflate_ms: 500 } })],
  pause: [message({ pause: true })],
  auth: [message({ auth: "x" })],
  refused: [message("no JSON")],
};

/** A scope that does not suffice. */
const OTHER_SCOPE: Readonly<Record<Scope, Scope>> = { read: "ingest", ingest: "read", admin: "read" };
const TOKEN_TTL_MS = 60_000;

class Senders {
  readonly #signer = new TokenSigner({
    ...{ algorithm: "HS256", key: { kind: "secret", secret: SECRET } },
    ...{ audience: undefined, issuer: undefined, leewaySec: 30, privateKeyPath: undefined },
  });
  #count = 0;

  /** A sender that was never seen before. */
  async withToken(scopes: readonly Scope[]): Promise<Sender> {
    const { address } = this.anonymous();
    const request = { subject: `subject-${this.#count}`, scope: scopes.join(" "), ttlMs: TOKEN_TTL_MS };
    const { token } = await this.#signer.sign(request, Date.now());
    return { token, address };
  }

  anonymous(): Sender {
    this.#count += 1;
    return { token: undefined, address: `198.18.${this.#count >> 8}.${this.#count & 255}` };
  }
}

async function outcomes(app: RunningApp, door: Door, sender: Sender, times: number): Promise<Outcome[]> {
  const way = await door(app, sender);
  const found: Outcome[] = [];
  for (let i = 0; i < times; i += 1) found.push(await way.ask());
  way.close();
  return found;
}

async function start(t: TestContext, more: Record<string, string> = {}): Promise<RunningApp> {
  return new TestApps(t).start({ ...CONFIG, ...more });
}

test("no operation of any door is answered without the gate", async (t) => {
  const app = await start(t);
  const senders = new Senders();
  for (const [name, doors] of Object.entries(DOORS) as [OperationName, readonly Door[]][]) {
    const { openness, scope } = ruleOf(name);
    for (const [i, door] of doors.entries()) {
      const what = `${name}, way ${i}`;
      if (openness === "probe") {
        assert.deepEqual(await outcomes(app, door, senders.anonymous(), 3), ["answered", "answered", "answered"], what);
      } else if (openness !== undefined) {
        assert.deepEqual(await outcomes(app, door, senders.anonymous(), 2), ["answered", "limited"], what);
      } else {
        assert.deepEqual(await outcomes(app, door, senders.anonymous(), 1), ["unauthorized"], what);
        const other = await senders.withToken([OTHER_SCOPE[scope]]);
        assert.deepEqual(await outcomes(app, door, other, 1), ["forbidden"], what);
        const right = await senders.withToken([scope]);
        assert.deepEqual(await outcomes(app, door, right, 2), ["answered", "limited"], what);
      }
    }
  }
  assert.deepEqual(Object.keys(DOORS).sort(), Object.keys(OPERATION_RULES).sort());
});
