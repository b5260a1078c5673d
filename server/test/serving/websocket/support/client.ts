/** A real `ws` client that keeps its messages, and applies patches as any customer would. */
import { applyMergePatch, type Json, type JsonObject } from "@swapstats/protocol/merge-patch.ts";
import { type PatchMessage, ServerMessage, type SnapshotMessage } from "@swapstats/protocol/schemas/websocket.ts";
import { type ClientOptions, WebSocket } from "ws";
import { checkOf } from "../../../support/closed-schema.ts";

/** By type of message, so that a difference is told by the schema of its own. */
const checks = new Map(
  ServerMessage.anyOf.map((schema) => [schema.properties.type.const as string, checkOf(schema)] as const),
);

type Waiter = {
  readonly test: (message: ServerMessage) => boolean;
  readonly resolve: (message: ServerMessage) => void;
};

type HeldData = { epoch: string; rev: number; data: Json };

export class TestClient {
  readonly ws: WebSocket;
  readonly messages: ServerMessage[] = [];
  /** By channel; the result of snapshots and patches. */
  readonly held = new Map<string, HeldData>();
  /** Patches that did not apply to the held data, and revisions that went back. */
  readonly faults: string[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #waiters = new Set<Waiter>();

  constructor(url: string, protocols: string[] = [], options: ClientOptions = {}) {
    this.ws = new WebSocket(url, protocols, options);
    this.ws.on("message", (data: Buffer) => this.#take(JSON.parse(data.toString()) as ServerMessage));
    this.ws.on("error", () => {});
    this.closed = new Promise((resolve) => {
      this.ws.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  send(message: unknown): void {
    this.ws.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** Resolves to the first matching message to come. */
  next<T extends ServerMessage["type"]>(
    type: T,
    test: (message: Extract<ServerMessage, { type: T }>) => boolean = () => true,
  ): Promise<Extract<ServerMessage, { type: T }>> {
    type Wanted = Extract<ServerMessage, { type: T }>;
    return new Promise((resolve) => {
      this.#waiters.add({
        test: (message) => message.type === type && test(message as Wanted),
        resolve: (message) => resolve(message as Wanted),
      });
    });
  }

  /** Resolves when the channel's held data has this revision, or a later one. */
  async atRev(channel: string, rev: number): Promise<HeldData> {
    const isThere = (): boolean => (this.held.get(channel)?.rev ?? -1) >= rev;
    while (!isThere()) {
      await new Promise<void>((resolve) => {
        this.#waiters.add({
          test: (message) => message.type === "snapshot" || message.type === "patch",
          resolve: () => resolve(),
        });
      });
    }
    return this.held.get(channel) as HeldData;
  }

  #take(message: ServerMessage): void {
    this.messages.push(message);
    checks.get(message.type)?.(message);
    if (message.type === "snapshot" || message.type === "patch") this.#hold(message);
    for (const waiter of this.#waiters) {
      if (!waiter.test(message)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(message);
    }
  }

  #hold(message: SnapshotMessage | PatchMessage): void {
    const { channel, epoch, rev } = message;
    const before = this.held.get(channel);
    if (before !== undefined && before.epoch === epoch && rev < before.rev)
      this.faults.push(`${channel} went back to ${rev}`);
    if (message.type === "snapshot") {
      this.held.set(channel, { epoch, rev, data: message.data as unknown as JsonObject });
      return;
    }
    if (before === undefined || before.rev !== message.prev_rev || before.epoch !== epoch) {
      this.faults.push(`${channel}: a patch from ${message.prev_rev} came to ${before?.rev}`);
      return;
    }
    this.held.set(channel, { epoch, rev, data: applyMergePatch(before.data, message.patch) });
  }
}

/** Connected, and cut when the test ends. */
export async function connect(
  t: { after(run: () => void): void },
  url: string,
  protocols: string[] = [],
  options: ClientOptions = {},
): Promise<TestClient> {
  const client = new TestClient(url, protocols, options);
  t.after(() => client.ws.terminate());
  await new Promise<void>((resolve, reject) => {
    client.ws.on("open", () => resolve());
    client.ws.on("error", reject);
  });
  return client;
}
