import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { LONG_FROM, type RequestOf } from "../../src/bus/requests.ts";
import { LONG_UNDER_WAY_MAX, WorkerClient } from "../../src/bus/worker-client.ts";
import type { RequestItem, ToWorker } from "../../src/bus/worker-protocol.ts";

const long = (limit = LONG_FROM): RequestOf<"dead_letters"> => ({ kind: "dead_letters", limit });
const short: RequestOf<"swaps"> = { kind: "swaps", token: "x", limit: 1 };

/** The host's end: what came, and a promise for when so many have. */
class Host {
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

  answer(...questions: readonly RequestItem[]): void {
    this.port.postMessage({ type: "responses", items: questions.map(({ id }) => ({ id, response: [] })) });
  }
}

function open(t: TestContext, timeoutMs = 60_000): { client: WorkerClient; host: Host } {
  const { port1, port2 } = new MessageChannel();
  const client = new WorkerClient(port1, timeoutMs);
  t.after(() => {
    client.close();
    port2.close();
  });
  return { client, host: new Host(port2) };
}

test("a few long questions are with the host at a time, the others wait, and short ones pass them", async (t) => {
  const { client, host } = open(t);
  let given = 0;
  const answers = Array.from({ length: 3 * LONG_UNDER_WAY_MAX }, () => client.ask(long()).then(() => given++));
  const passing = client.ask(short);
  await host.until(LONG_UNDER_WAY_MAX + 1);
  assert.equal(host.seen.filter(({ request }) => request.kind === "dead_letters").length, LONG_UNDER_WAY_MAX);
  host.answer(host.seen.find(({ request }) => request.kind === "swaps") as RequestItem);
  await passing;
  assert.equal(given, 0);
  // Each answer that is given on makes room for one more question.
  const asked = (): RequestItem[] => host.seen.filter(({ request }) => request.kind === "dead_letters");
  for (let i = 0; i < answers.length; i++) {
    host.answer(asked()[i] as RequestItem);
    await answers[i];
    await host.until(Math.min(answers.length, LONG_UNDER_WAY_MAX + i + 1) + 1);
    assert.ok(asked().length <= LONG_UNDER_WAY_MAX + i + 1);
  }
  await Promise.all(answers);
});

test("long answers that come together are given on one a turn; short ones at once", async (t) => {
  const { client, host } = open(t);
  let given = 0;
  const answers = Array.from({ length: LONG_UNDER_WAY_MAX }, () => client.ask(long()).then(() => given++));
  const passing = client.ask(short);
  await host.until(LONG_UNDER_WAY_MAX + 1);
  host.answer(...host.seen);
  await passing;
  assert.ok(given <= 1, `${given}`);
  for (let before = given; given < answers.length; before = given) {
    await nextTurn();
    assert.ok(given - before <= 1, `${given - before} in one turn`);
  }
  await Promise.all(answers);
});

test("places come back from questions that are overdue, and a question below the bound needs none", async (t) => {
  const { client, host } = open(t, 300);
  const overdue = Array.from({ length: 2 * LONG_UNDER_WAY_MAX }, () =>
    assert.rejects(client.ask(long()), { code: "unavailable", retryable: true }),
  );
  for (let i = 0; i < LONG_UNDER_WAY_MAX; i++) {
    overdue.push(assert.rejects(client.ask(long(LONG_FROM - 1)), { code: "unavailable" }));
  }
  await host.until(2 * LONG_UNDER_WAY_MAX);
  await Promise.all(overdue);
  const before = host.seen.length;
  const next = client.ask(long());
  await host.until(before + 1);
  host.answer(host.seen.at(-1) as RequestItem);
  await next;
});

test("closing fails all that wait, with a place or without", async (t) => {
  const { client, host } = open(t);
  const answers = Array.from({ length: 2 * LONG_UNDER_WAY_MAX }, () =>
    assert.rejects(client.ask(long()), { code: "unavailable" }),
  );
  await host.until(LONG_UNDER_WAY_MAX);
  client.close();
  await Promise.all(answers);
});
