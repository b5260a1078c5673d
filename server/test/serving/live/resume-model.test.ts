/**
 * The property of the live core: a client that applies what it gets holds exactly the data of the revision, whatever happens to it. Clients lose their
 * connections and resume, pause, are served slowly, and change their channels, while data changes, rows leave and come back, owners change,
 * and memory is short. The bus stands in, because it keeps the data of every revision, which the real one does not.
 */
import assert from "node:assert/strict";
import { after, before, describe, mock, test } from "node:test";
import { crc32 } from "node:zlib";
import { canonicalJson } from "@swapstats/protocol/canonical-json.ts";
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import fc from "fast-check";
import type { PushTarget } from "../../../src/serving/live/channel-feed.ts";
import { channelOptions, givenOptions } from "../../../src/serving/live/channel-options.ts";
import type { ChannelRequest } from "../../../src/serving/live/channel-requests.ts";
import { ClientChannels } from "../../../src/serving/live/client-channels.ts";
import { Hub } from "../../../src/serving/live/hub.ts";
import { LIVE_LIMITS } from "../../../src/serving/live/live-limits.ts";
import type { SharedMessage } from "../../../src/serving/live/shared-message.ts";
import { propertyOptions } from "../../support/seed.ts";
import { StandInBus } from "../websocket/support/stand-in-bus.ts";

const CHANNELS = ["token:1:a", "token:1:b", "overview:5m:trades"];
const CLIENTS = 2;
const CHECKSUM_MS = 50;

type Action =
  | { readonly kind: "change"; readonly channel: number; readonly data: JsonObject }
  | { readonly kind: "take_over" }
  | { readonly kind: "away"; readonly channel: number; readonly stale: boolean }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "take"; readonly client: number; readonly room: number }
  | { readonly kind: "pause"; readonly client: number; readonly isPaused: boolean }
  | { readonly kind: "set"; readonly client: number; readonly channel: number; readonly conflateMs: number }
  | { readonly kind: "close"; readonly client: number; readonly channel: number }
  | { readonly kind: "open"; readonly client: number; readonly channel: number }
  | { readonly kind: "resume"; readonly client: number; readonly isFar: boolean };

const below = (limit: number): fc.Arbitrary<number> => fc.nat({ max: limit - 1 });
const values = fc.oneof(
  fc.integer({ min: 0, max: 2 }),
  fc.constantFrom("é", "text"),
  fc.dictionary(fc.constantFrom("p", "q", "__proto__"), fc.integer({ min: 0, max: 2 }), { noNullPrototype: true }),
);
const rows = fc.dictionary(fc.constantFrom("a", "b", "c"), values, { noNullPrototype: true });
/** Data that is longer than most patches, so that patches are sent. */
const documents = rows.map((some) => ({ rows: some, long: "x".repeat(100) })) as fc.Arbitrary<JsonObject>;
const client = below(CLIENTS);
/** Time for which a client waits whose position is ahead. */
const BEHIND_MS = 500;
const channel = below(CHANNELS.length);
const action = (kind: Action["kind"], members: object): fc.Arbitrary<Action> =>
  fc.record({ kind: fc.constant(kind), ...members }) as fc.Arbitrary<Action>;
const actions = fc.oneof(
  { weight: 12, arbitrary: action("change", { channel, data: documents }) },
  { weight: 8, arbitrary: action("take", { client, room: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 5, arbitrary: action("resume", { client, isFar: below(5).map((one) => one === 0) }) },
  { weight: 2, arbitrary: action("wait", { ms: fc.constantFrom(1, 30, 1_000) }) },
  { weight: 2, arbitrary: action("pause", { client, isPaused: fc.boolean() }) },
  { weight: 2, arbitrary: action("set", { client, channel, conflateMs: fc.constantFrom(0, 40) }) },
  { weight: 1, arbitrary: action("open", { client, channel }) },
  { weight: 1, arbitrary: action("close", { client, channel }) },
  { weight: 1, arbitrary: action("away", { channel, stale: fc.boolean() }) },
  { weight: 1, arbitrary: action("take_over", {}) },
);

/** Keeps the data of every revision. */
class RecordingBus extends StandInBus {
  readonly #data = new Map<string, JsonObject>();

  override set(name: string, data: JsonObject): void {
    super.set(name, data);
    this.#data.set(`${name} ${this.epoch} ${this.revOf(name)}`, data);
  }

  override takeOver(epoch: string): void {
    super.takeOver(epoch);
    for (const name of CHANNELS) this.#data.set(`${name} ${epoch} ${this.revOf(name)}`, this.dataOf(name));
  }

  dataAt(name: string, epoch: string, rev: number): JsonObject | undefined {
    return this.#data.get(`${name} ${epoch} ${rev}`);
  }
}

type Held = { epoch: string; rev: number; data: Json };

class ModelClient implements PushTarget {
  isDirty = false;
  channels: ClientChannels;
  readonly held = new Map<string, Held>();
  readonly counts = { patches: 0, snapshots: 0, checksums: 0, recovered: 0, lost: 0 };
  readonly #hub: Hub;
  readonly #bus: RecordingBus;
  readonly #promised = new Set<string>();
  #isPaused = false;

  constructor(hub: Hub, bus: RecordingBus) {
    this.#hub = hub;
    this.#bus = bus;
    this.channels = new ClientChannels(hub, this);
  }

  get rows(): number {
    return this.channels.rows;
  }

  /** Channels that were to continue, and have sent nothing yet. */
  get promised(): number {
    return this.#promised.size;
  }

  /** The test takes the messages itself. */
  flush(): void {}

  async open(names: readonly string[], from: (name: string) => ChannelRequest["from"]): Promise<void> {
    const given = givenOptions({ checksum: true }, [], "");
    const options = channelOptions(given, given);
    const requests = names.map((name): ChannelRequest => ({ channel: name, options, from: from(name) }));
    const { channels, recovered, opened, failed } = await this.channels.open(requests);
    assert.deepEqual([channels, failed], [names, []]);
    for (const [i, name] of names.entries()) {
      if (recovered[i] === true) this.#promised.add(name);
      else {
        this.#promised.delete(name);
        this.held.delete(name);
      }
      if (from(name) !== undefined) this.counts[recovered[i] === true ? "recovered" : "lost"] += 1;
    }
    this.channels.activate(opened);
  }

  /** Loses the connection, and resumes what it held. */
  async resume(isFar: boolean): Promise<void> {
    this.channels.closeAll();
    this.#promised.clear();
    this.#isPaused = false;
    this.channels = new ClientChannels(this.#hub, this);
    let isOpen = false;
    const opening = this.open(CHANNELS, (name) => {
      const held = this.held.get(name);
      return held === undefined ? { epoch: "7", rev: 0 } : { epoch: held.epoch, rev: held.rev + (isFar ? 1_000 : 0) };
    }).finally(() => {
      isOpen = true;
    });
    // A client that is ahead waits for this time.
    for (; !isOpen; mock.timers.tick(BEHIND_MS)) await new Promise(setImmediate);
    await opening;
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.channels.pause(isPaused);
  }

  close(name: string): void {
    if (this.channels.close([name]).closed.length === 0) return;
    this.held.delete(name);
    this.#promised.delete(name);
  }

  /** Takes at most `room` messages. Returns how many there were. */
  take(room: number): number {
    let count = 0;
    this.channels.take(this.#hub.nowMs(), (message) => {
      if (count === room) return "full";
      count += 1;
      this.#apply(message);
      return "taken";
    });
    if (this.#isPaused) assert.equal(count, 0);
    return count;
  }

  #apply(message: SharedMessage): void {
    const { type, channel: name, epoch, rev, ...rest } = JSON.parse(message.text());
    const before = this.held.get(name);
    if (type === "heartbeat") {
      assert.deepEqual([before?.epoch, before?.rev], [epoch, rev]);
      assert.equal(rest.crc32, crc32(canonicalJson(before?.data as Json)));
      this.counts.checksums += 1;
      return;
    }
    if (type === "patch") assert.deepEqual([before?.epoch, before?.rev], [epoch, rest.prev_rev]);
    if (before?.epoch === epoch) assert.ok(rev >= (before?.rev as number));
    this.counts[type === "patch" ? "patches" : "snapshots"] += 1;
    const data = type === "patch" ? applyMergePatch(before?.data, rest.patch) : rest.data;
    this.held.set(name, { epoch, rev, data });
    assert.deepEqual(data, this.#bus.dataAt(name, epoch, rev), `${name} at ${epoch} ${rev} by ${type}`);
    this.#promised.delete(name);
  }
}

async function run(script: readonly Action[], bytes: number, totals: Record<string, number>): Promise<void> {
  const bus = new RecordingBus();
  let nowMs = 1_000_000;
  const ws = { coalesceMs: 1, maxSubscriptions: 50, maxRows: 1_000, maxRowsTotal: 1_000 };
  const config = {
    api: { ws: { ...ws, resumeWindowMs: 900, resumeBytes: 4_096 } },
    windows: { clock: "event" as const, list: [{ name: "5m", lengthMs: 300_000, stepMs: 5_000 }] },
  };
  const limits = { ...LIVE_LIMITS, cachedBytesMax: bytes, checksumMs: CHECKSUM_MS, behindMs: BEHIND_MS };
  const hub = new Hub({ bus, config, limits, nowMs: () => nowMs });
  for (const name of CHANNELS) bus.set(name, { rows: {}, long: "x".repeat(100) });
  const clients = Array.from({ length: CLIENTS }, () => new ModelClient(hub, bus));
  const of = (one: number): ModelClient => clients[one] as ModelClient;
  const named = (one: number): string => CHANNELS[one] as string;
  for (const one of clients) await one.open(CHANNELS, () => undefined);
  for (const one of script) {
    if (one.kind === "change") bus.set(named(one.channel), one.data);
    else if (one.kind === "take_over") bus.takeOver(String(Number(bus.epoch) + 1));
    else if (one.kind === "away") bus.turn(named(one.channel), one.stale);
    else if (one.kind === "wait") nowMs += one.ms;
    else if (one.kind === "take") of(one.client).take(one.room);
    else if (one.kind === "pause") of(one.client).pause(one.isPaused);
    else if (one.kind === "set")
      of(one.client).channels.set(named(one.channel), { conflateMs: one.conflateMs, checksum: true });
    else if (one.kind === "open") await of(one.client).open([named(one.channel)], () => undefined);
    else if (one.kind === "close") of(one.client).close(named(one.channel));
    else await of(one.client).resume(one.isFar);
  }
  // In the end every client holds the newest data of what it has open, and another look brings nothing more than checksums.
  for (const one of clients) {
    one.pause(false);
    await one.open(
      CHANNELS.filter((name) => !one.held.has(name)),
      () => undefined,
    );
    nowMs += 1_000;
    while (one.take(100) > 0) {}
    for (const name of CHANNELS) {
      const { epoch, rev } = one.held.get(name) as Held;
      assert.deepEqual([epoch, rev], [bus.epoch, bus.revOf(name)], name);
    }
    assert.equal(one.promised, 0, "each resumed channel has sent something");
    for (const [name, count] of Object.entries(one.counts)) totals[name] = (totals[name] ?? 0) + count;
    one.channels.closeAll();
  }
  hub.close();
  assert.deepEqual([hub.held.cachedBytes, hub.held.rows, hub.held.keptFeeds, bus.subscribers.size], [0, 0, 0, 0]);
}

before(() => mock.timers.enable({ apis: ["setTimeout"] }));
after(() => mock.timers.reset());

describe("a client holds the data of its revision, whatever happens to it", () => {
  const script = fc.array(actions, { minLength: 1, maxLength: 60, size: "max" });

  test("with enough memory for all that is kept", async (t) => {
    const totals: Record<string, number> = {};
    await fc.assert(
      fc.asyncProperty(script, (some) => run(some, LIVE_LIMITS.cachedBytesMax, totals)),
      propertyOptions(t, 400),
    );
    for (const name of ["patches", "snapshots", "checksums", "recovered", "lost"]) {
      assert.ok((totals[name] ?? 0) > 100, `${name}: ${totals[name]}`);
    }
  });

  test("with memory for very little", async (t) => {
    const totals: Record<string, number> = {};
    await fc.assert(
      fc.asyncProperty(script, (some) => run(some, 1_200, totals)),
      propertyOptions(t, 200),
    );
    assert.ok((totals.recovered ?? 0) > 20 && (totals.lost ?? 0) > 20, JSON.stringify(totals));
  });
});
