/** A client of server-sent events that parses the stream as the standard says, and applies patches as any customer would. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import type { TestContext } from "node:test";
import type { Json } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { ServerMessage } from "@swapstats/protocol/schemas/websocket.ts";
import { checkOf } from "../../../support/closed-schema.ts";

/** By type of message, so that a difference is told by the schema of its own. */
const checks = new Map(
  ServerMessage.anyOf.map((schema) => [schema.properties.type.const as string, checkOf(schema)] as const),
);

type StreamEvent = { readonly type: string; readonly id: string; readonly message: ServerMessage };
type Held = { readonly epoch: string; readonly rev: number; readonly data: Json };

export class SseClient {
  readonly response: IncomingMessage;
  readonly events: StreamEvent[] = [];
  /** By channel; the result of snapshots and patches. Handed on to the client that comes after. */
  readonly held: Map<string, Held>;
  comments = 0;
  retryMs: number | undefined;
  lastEventId: string;
  readonly closed: Promise<void>;
  #rest = "";
  #waiters: (() => void)[] = [];

  constructor(response: IncomingMessage, before?: SseClient) {
    this.response = response;
    this.held = new Map(before?.held);
    this.lastEventId = before?.lastEventId ?? "";
    response.setEncoding("utf8");
    response.on("data", (text: string) => this.#take(text));
    response.on("error", () => {});
    this.closed = new Promise((resolve) => {
      response.on("close", () => {
        this.#wake();
        resolve();
      });
    });
  }

  /** Resolves to the first event of the type among those that have come or will come, from the given index on. */
  async next(type: string, from = 0): Promise<StreamEvent> {
    for (;;) {
      const found = this.events.slice(from).find((event) => event.type === type);
      if (found !== undefined) return found;
      await this.#more();
    }
  }

  /** Resolves when the channel's held data has this revision, or a later one. */
  async atRev(channel: string, rev: number): Promise<Held> {
    for (;;) {
      const held = this.held.get(channel);
      if (held !== undefined && held.rev >= rev) return held;
      await this.#more();
    }
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#more();
  }

  leave(): void {
    this.response.destroy();
  }

  async #more(): Promise<void> {
    assert.equal(this.response.destroyed, false, `the stream has ended; it had ${JSON.stringify(this.events.at(-1))}`);
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #take(text: string): void {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop() as string;
    for (const block of blocks) this.#event(block.split("\n"));
    this.#wake();
  }

  #event(lines: readonly string[]): void {
    const fields = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon === 0) this.comments += 1;
      else fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ""));
    }
    const id = fields.get("id");
    if (id !== undefined) this.lastEventId = id;
    const retry = fields.get("retry");
    if (retry !== undefined) this.retryMs = Number(retry);
    const data = fields.get("data");
    if (data === undefined) return;
    const message = JSON.parse(data) as ServerMessage;
    const type = fields.get("event") ?? "message";
    assert.equal(type, message.type);
    checks.get(type)?.(message);
    this.#hold(message);
    this.events.push({ type, id: this.lastEventId, message });
  }

  #hold(message: ServerMessage): void {
    if (message.type === "snapshot") {
      const { channel, epoch, rev, data } = message;
      this.held.set(channel, { epoch, rev, data: data as unknown as Json });
    } else if (message.type === "patch") {
      const { channel, epoch, rev, prev_rev: prevRev, patch } = message;
      const before = this.held.get(channel);
      assert.deepEqual([before?.epoch, before?.rev], [epoch, prevRev], `a patch of ${channel} does not fit`);
      this.held.set(channel, { epoch, rev, data: applyMergePatch(before?.data as Json, patch) });
    }
  }
}

/** Connects, and leaves when the test ends. `before`: the client whose data and position this one continues with. */
export async function openStream(
  t: TestContext,
  base: string,
  query: Record<string, string>,
  { before, headers = {} }: { before?: SseClient; headers?: Record<string, string> } = {},
): Promise<SseClient> {
  const position = before === undefined ? {} : { "last-event-id": before.lastEventId };
  const request = get(`${base}/api/stream?${new URLSearchParams(query)}`, { headers: { ...headers, ...position } });
  t.after(() => request.destroy());
  const [response] = (await once(request, "response")) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  return new SseClient(response, before);
}
