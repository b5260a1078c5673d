/** A real `ws` client that keeps its messages, and applies patches as any customer would, in the encoding of its sub-protocol. */
import { crc32 } from "node:zlib";
import { canonicalJson } from "@swapstats/protocol/canonical-json.ts";
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import {
  type ChecksumMessage,
  type PatchMessage,
  ServerMessage,
  type SnapshotMessage,
} from "@swapstats/protocol/schemas/websocket.ts";
import jsonPatch from "fast-json-patch";
import { type ClientOptions, WebSocket } from "ws";
import { checkOf } from "../../../support/closed-schema.ts";
import { messagesOfBatch, ProtobufClient } from "../../../support/protobuf-client.ts";

/** By type of message, so that a difference is told by the schema of its own. */
const checks = new Map(ServerMessage.anyOf.map((schema) => [kindOf(schema.properties), checkOf(schema)] as const));

/** Heartbeats with a checksum have a schema of their own. */
function kindOf(members: object & { readonly type: { readonly const: string } | string }): string {
  if ("crc32" in members) return "checksum";
  return typeof members.type === "string" ? members.type : members.type.const;
}

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
  readonly #listeners = new Set<(message: ServerMessage) => void>();
  readonly #protobuf = new ProtobufClient();

  constructor(url: string, protocols: string[] = [], options: ClientOptions = {}) {
    this.ws = new WebSocket(url, protocols, options);
    this.ws.on("message", (data: Buffer, isBinary: boolean) => {
      for (const message of this.#read(data, isBinary)) this.#take(message);
    });
    this.ws.on("error", () => {});
    this.closed = new Promise((resolve) => {
      this.ws.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  /** Takes over what an earlier connection has left, as a client that resumes does. */
  continueFrom(before: TestClient): void {
    for (const [channel, held] of before.held) this.held.set(channel, held);
    this.#protobuf.continueFrom(before.#protobuf);
  }

  /** What is known of the connection and of its channels; for the report of a test that is stuck. */
  get standing(): string {
    const revisions = [...this.held].map(([channel, { epoch, rev }]) => `${channel} at ${epoch}:${rev}`);
    const newest = JSON.stringify(this.messages.at(-1))?.slice(0, 300);
    return `connection in state ${this.ws.readyState} with ${revisions.join(", ")}, newest of ${this.messages.length} messages ${newest}`;
  }

  /** Calls the listener with each message, after it was applied. Returns a function that ends this. */
  onEach(listener: (message: ServerMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
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

  #read(data: Buffer, isBinary: boolean): readonly ServerMessage[] {
    const isBatch = this.ws.protocol.endsWith(".batch");
    if (isBinary) {
      const messages = isBatch ? messagesOfBatch(data) : [data];
      return messages.map((bytes) => this.#protobuf.take(bytes).message as unknown as ServerMessage);
    }
    const parsed = JSON.parse(data.toString()) as ServerMessage | ServerMessage[];
    // By the sub-protocol, and not by the look of it: each message is a list there, and none is elsewhere.
    return isBatch ? (parsed as ServerMessage[]) : [parsed as ServerMessage];
  }

  #take(message: ServerMessage): void {
    this.messages.push(message);
    if (!Array.isArray((message as PatchMessage).patch)) checks.get(kindOf(message))?.(message);
    if (message.type === "heartbeat" && "crc32" in message) this.#verify(message);
    if (message.type === "snapshot" || message.type === "patch") this.#hold(message);
    for (const listener of this.#listeners) listener(message);
    for (const waiter of this.#waiters) {
      if (!waiter.test(message)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(message);
    }
  }

  #verify({ channel, epoch, rev, crc32: expected }: ChecksumMessage): void {
    const held = this.held.get(channel);
    if (held?.epoch !== epoch || held.rev !== rev)
      this.faults.push(`${channel}: a checksum of ${rev}, not ${held?.rev}`);
    else if (crc32(canonicalJson(held.data)) !== expected) this.faults.push(`${channel}: other data at ${rev}`);
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
    const { patch } = message;
    const data = Array.isArray(patch) ? patchedBy(before.data, patch) : applyMergePatch(before.data, patch);
    this.held.set(channel, { epoch, rev, data });
  }
}

/** Applies operations of RFC 6902, and throws if one of them is not valid. */
const patchedBy = (data: Json, operations: unknown): Json =>
  jsonPatch.applyPatch(structuredClone(data) as object, operations as jsonPatch.Operation[], true).newDocument as Json;

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
