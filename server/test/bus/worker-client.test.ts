import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { LONG_FROM, type RequestOf } from "../../src/bus/requests.ts";
import { LONG_UNDER_WAY_MAX, WorkerClient } from "../../src/bus/worker-client.ts";
import type { RequestItem, ToWorker } from "../../src/bus/worker-protocol.ts";

const long = (limit = LONG_FROM): RequestOf<"dead_letters"> => ({ kind: "dead_letters", limit });
const short: RequestOf<"swaps"> = { kind: "swaps", token: "x", limit: 1 };

/** The worker's end: the requests that came, and a promise for when so many have. */
class Worker {
  readonly port: MessagePort;
  readonly seen: RequestItem[] = [];
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined;

  constructor(port: MessagePort) {
    this.port = port;
    port.on("message", (message: ToWorker) => {
      if (message.type === "requests") this.seen.push(...message.items);
      if (this.#waiting !== undefined && this.seen.length >= this.#waiting.count) this.#waiting.resolve();
    });
  }

  async until(count: number): Promise<void> {
    if (this.seen.length >= count) return;
    await new Promise<void>((resolve) => {
      this.#waiting = { count, resolve };
    });
  }

  respond(...items: readonly RequestItem[]): void {
    this.port.postMessage({ type: "responses", items: items.map(({ id }) => ({ id, response: [] })) });
  }
}

function open(t: TestContext, timeoutMs = 60_000): { client: WorkerClient; worker: Worker } {
  const { port1, port2 } = new MessageChannel();
  const client = new WorkerClient(port1, timeoutMs);
  t.after(() => {
    client.close();
    port2.close();
  });
  return { client, worker: new Worker(port2) };
}

test("a few long requests are with the worker at a time, the others wait, and short ones pass them", async (t) => {
  const { client, worker } = open(t);
  let given = 0;
  const responses = Array.from({ length: 3 * LONG_UNDER_WAY_MAX }, () => client.ask(long()).then(() => given++));
  const passing = client.ask(short);
  await worker.until(LONG_UNDER_WAY_MAX + 1);
  assert.equal(worker.seen.filter(({ request }) => request.kind === "dead_letters").length, LONG_UNDER_WAY_MAX);
  worker.respond(worker.seen.find(({ request }) => request.kind === "swaps") as RequestItem);
  await passing;
  assert.equal(given, 0);
  // Each response that is delivered makes room for one more request.
  const asked = (): RequestItem[] => worker.seen.filter(({ request }) => request.kind === "dead_letters");
  for (let i = 0; i < responses.length; i++) {
    worker.respond(asked()[i] as RequestItem);
    await responses[i];
    await worker.until(Math.min(responses.length, LONG_UNDER_WAY_MAX + i + 1) + 1);
    assert.ok(asked().length <= LONG_UNDER_WAY_MAX + i + 1);
  }
  await Promise.all(responses);
});

test("long responses that come together are delivered one a turn; short ones at once", async (t) => {
  const { client, worker } = open(t);
  let given = 0;
  const responses = Array.from({ length: LONG_UNDER_WAY_MAX }, () => client.ask(long()).then(() => given++));
  const passing = client.ask(short);
  await worker.until(LONG_UNDER_WAY_MAX + 1);
  worker.respond(...worker.seen);
  await passing;
  assert.ok(given <= 1, `${given}`);
  for (let before = given; given < responses.length; before = given) {
    await nextTurn();
    assert.ok(given - before <= 1, `${given - before} in one turn`);
  }
  await Promise.all(responses);
});

test("places come back from overdue requests, and a request below the bound needs none", async (t) => {
  const { client, worker } = open(t, 300);
  const overdue = Array.from({ length: 2 * LONG_UNDER_WAY_MAX }, () =>
    assert.rejects(client.ask(long()), { code: "unavailable", retryable: true }),
  );
  for (let i = 0; i < LONG_UNDER_WAY_MAX; i++) {
    overdue.push(assert.rejects(client.ask(long(LONG_FROM - 1)), { code: "unavailable" }));
  }
  await worker.until(2 * LONG_UNDER_WAY_MAX);
  await Promise.all(overdue);
  const before = worker.seen.length;
  const next = client.ask(long());
  await worker.until(before + 1);
  worker.respond(worker.seen.at(-1) as RequestItem);
  await next;
});

test("closing fails all requests that wait, with a place or without", async (t) => {
  const { client, worker } = open(t);
  const responses = Array.from({ length: 2 * LONG_UNDER_WAY_MAX }, () =>
    assert.rejects(client.ask(long()), { code: "unavailable" }),
  );
  await worker.until(LONG_UNDER_WAY_MAX);
  client.close();
  await Promise.all(responses);
});
