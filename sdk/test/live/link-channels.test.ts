/**
 * The property of live stores: what a store shows is always the data of the revision that it names, never an older revision after a newer one of the
 * same epoch, and in the end the newest. Messages are lost, repeated and exchanged, connections are cut, and instances are behind.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import fc from "fast-check";
import { propertyOptions } from "../../../server/test/support/seed.ts";
import { LinkChannels } from "../../src/live/link-channels.ts";
import { Subscription } from "../../src/live/subscription.ts";
import { ModelConnection, ModelInstance, ModelTruth } from "../support/model-service.ts";

const CHANNELS = ["token:1:a", "token:1:b", "market"];
const NAMES = new Map([["token:A", "token:1:a"]]);

type Action =
  | /** `seenBy`: bits of the instances that notice it at once. */
  { readonly kind: "change"; readonly channel: number; readonly data: JsonObject; readonly seenBy: number }
  | { readonly kind: "take_over" | "catch_up"; readonly channel: number; readonly instance: number }
  | { readonly kind: "flush" | "requests" | "sweep" | "round" }
  | { readonly kind: "deliver"; readonly count: number }
  | { readonly kind: "lose" | "repeat" | "exchange"; readonly at: number }
  | { readonly kind: "cut"; readonly instance: number }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "open" | "close"; readonly store: number };

const below = (limit: number): fc.Arbitrary<number> => fc.nat({ max: limit - 1 });
const leaf = fc.oneof(fc.nat({ max: 3 }), fc.constantFrom("x", "y"), fc.array(fc.nat({ max: 2 }), { maxLength: 3 }));
const data = fc.dictionary(
  fc.constantFrom("p", "q", "__proto__", "r"),
  fc.oneof(leaf, fc.dictionary(fc.constantFrom("p", "s"), leaf, { maxKeys: 2 })),
  { maxKeys: 3, noNullPrototype: true },
) as fc.Arbitrary<JsonObject>;
const channel = below(CHANNELS.length);
const instance = below(2);

type Weighted = { readonly weight: number; readonly arbitrary: fc.Arbitrary<Action> };
const weighted = (weight: number, arbitrary: fc.Arbitrary<Action>): Weighted => ({ weight, arbitrary });
const change = fc.record({ kind: fc.constant("change" as const), channel, data, seenBy: below(4) });
const flush = fc.constant({ kind: "flush" as const });
const deliver = fc.record({ kind: fc.constant("deliver" as const), count: fc.integer({ min: 1, max: 4 }) });
const orderly: readonly Weighted[] = [
  weighted(6, change),
  weighted(3, flush),
  weighted(6, deliver),
  weighted(3, fc.constantFrom({ kind: "requests" as const }, { kind: "sweep" as const }, { kind: "round" as const })),
  weighted(1, fc.record({ kind: fc.constantFrom("take_over" as const, "catch_up" as const), channel, instance })),
  weighted(1, fc.record({ kind: fc.constant("cut" as const), instance })),
  weighted(1, fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(10, 1_000, 11_000) })),
];
const faultKind = fc.constantFrom("lose" as const, "repeat" as const, "exchange" as const);
const faults = weighted(4, fc.record({ kind: faultKind, at: below(6) }));
const turnover = weighted(2, fc.record({ kind: fc.constantFrom("open" as const, "close" as const), store: below(4) }));

/** The stores of a client over as many connections as their options need, which the test connects to instances. */
class Harness {
  readonly truth = new ModelTruth(CHANNELS, NAMES);
  readonly instances = [new ModelInstance(this.truth), new ModelInstance(this.truth)] as const;
  readonly links: { channels: LinkChannels; connection: ModelConnection }[] = [];
  readonly stores: (Subscription | undefined)[];
  readonly #make: readonly (() => Subscription)[];
  readonly #seen = new Map<Subscription, Map<string, number>>();
  /** Shown data with its text at that time: it must never change. */
  readonly #shown = new Map<unknown, string>();
  nowMs = 1_000_000;

  constructor(make: readonly (() => Subscription)[]) {
    this.#make = make;
    this.stores = make.map(() => undefined);
  }

  #link(index: number): Harness["links"][number] {
    let link = this.links[index];
    if (link === undefined) {
      link = { channels: new LinkChannels(), connection: new ModelConnection(this.instances[0]) };
      this.links[index] = link;
    }
    return link;
  }

  open(store: number): void {
    if (this.stores[store] !== undefined) return;
    const subscription = (this.#make[store] as () => Subscription)();
    this.stores[store] = subscription;
    this.#link(0).channels.subscriptions.add(subscription);
  }

  close(store: number): void {
    const subscription = this.stores[store];
    this.stores[store] = undefined;
    if (subscription !== undefined) for (const { channels } of this.links) channels.remove(subscription);
  }

  requests(): void {
    for (const { channels, connection } of this.links) {
      for (const message of channels.requests(this.nowMs)) connection.request(JSON.parse(JSON.stringify(message)));
    }
  }

  deliver(count: number): void {
    for (const [i, { channels, connection }] of this.links.entries()) {
      for (const message of connection.queue.splice(0, count)) {
        // Each delivery is parsed from its own text.
        const parsed = JSON.parse(JSON.stringify(message)) as typeof message;
        if (parsed.type === "subscribed") {
          for (const moved of channels.opened(parsed)) this.#link(i + 1).channels.subscriptions.add(moved);
        } else if (parsed.type === "snapshot" || parsed.type === "patch") channels.deliver(parsed, this.nowMs);
        this.check();
      }
    }
  }

  cut(to: number): void {
    for (const link of this.links) {
      link.channels.disconnected();
      link.connection = new ModelConnection(this.instances[to] as ModelInstance);
      link.channels.connected();
    }
  }

  check(): void {
    for (const subscription of this.stores) {
      const shown = subscription?.state.shown;
      if (subscription === undefined || shown === undefined) continue;
      const { epoch, rev, data: held } = shown;
      const expected = this.truth.at(
        subscription.canonical as string,
        { epoch, rev },
        subscription.options.windows as never,
      );
      assert.deepEqual(held, expected, `${subscription.name} at ${rev} of ${epoch}`);
      const seen = this.#seen.get(subscription) ?? new Map<string, number>();
      assert.ok(rev >= (seen.get(epoch) ?? 0), `${subscription.name} went back to ${rev} of ${epoch}`);
      this.#seen.set(subscription, seen.set(epoch, rev));
      const text = JSON.stringify(held);
      assert.equal(this.#shown.get(held) ?? text, text, "shown data was changed");
      this.#shown.set(held, text);
    }
  }

  /** Ends all faults, and lets time pass. Each channel changes once more: only the next message, or a checksum, tells that one was lost. */
  heal(): void {
    for (let round = 0; round < 40; round++) {
      if (round === 20) for (const name of CHANNELS) this.truth.change(name, { last: 1 });
      for (const name of CHANNELS) for (const one of this.instances) one.catchUp(name);
      this.nowMs += 1_000;
      for (const { channels } of this.links) channels.sweep(this.nowMs, false);
      this.requests();
      for (const { connection } of this.links) connection.flush();
      this.deliver(1_000);
    }
    for (const subscription of this.stores) {
      if (subscription === undefined) continue;
      const { shown } = subscription.state;
      assert.equal(subscription.isStale, false, `${subscription.name} is stale: ${subscription.standing}`);
      assert.deepEqual(
        { epoch: shown?.epoch, rev: shown?.rev },
        this.truth.newest(subscription.canonical as string),
        subscription.name,
      );
    }
    this.check();
  }

  act(action: Action): void {
    const queues = this.links.map(({ connection }) => connection.queue);
    switch (action.kind) {
      case "change":
        this.truth.change(CHANNELS[action.channel] as string, action.data);
        for (const [i, one] of this.instances.entries()) {
          if ((action.seenBy >> i) % 2 === 1) one.catchUp(CHANNELS[action.channel] as string);
        }
        break;
      case "round":
        this.requests();
        for (const { connection } of this.links) connection.flush();
        this.deliver(2);
        break;
      case "take_over":
        this.truth.takeOver(CHANNELS[action.channel] as string);
        break;
      case "catch_up":
        (this.instances[action.instance] as ModelInstance).catchUp(CHANNELS[action.channel] as string);
        break;
      case "flush":
        for (const { connection } of this.links) connection.flush();
        break;
      case "requests":
        this.requests();
        break;
      case "sweep":
        for (const { channels } of this.links) channels.sweep(this.nowMs, false);
        break;
      case "deliver":
        this.deliver(action.count);
        break;
      case "lose":
        for (const queue of queues) queue.splice(action.at, 1);
        break;
      case "repeat":
        for (const queue of queues) queue.push(...queue.slice(action.at, action.at + 1));
        break;
      case "exchange":
        for (const queue of queues) queue.push(...queue.splice(action.at, 1));
        break;
      case "cut":
        this.cut(action.instance);
        break;
      case "wait":
        this.nowMs += action.ms;
        break;
      case "open":
        this.open(action.store);
        break;
      case "close":
        this.close(action.store);
    }
  }

  run(actions: readonly Action[]): void {
    for (const store of this.stores.keys()) this.open(store);
    for (const action of actions) this.act(action);
    this.heal();
  }
}

const sub = (name: string, windows?: readonly string[]) => (): Subscription =>
  new Subscription(name, windows === undefined ? {} : { windows });

describe("what stores show", () => {
  test("is the data of its revision, never goes back and ends at the newest, whatever is lost, repeated and exchanged", (t) => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...orderly, faults), { minLength: 20, maxLength: 150 }), (actions) => {
        // Two names of one channel share it.
        new Harness([sub("token:A"), sub("token:1:a"), sub("token:1:b"), sub("market")]).run(actions);
      }),
      propertyOptions(t, 500),
    );
  });

  test("is that of its own options where a channel is open with several, and stores come and go", (t) => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...orderly, turnover), { minLength: 20, maxLength: 150 }), (actions) => {
        new Harness([sub("token:A", ["5m"]), sub("token:1:a", ["1h"]), sub("token:1:a", ["5m"]), sub("market")]).run(
          actions,
        );
      }),
      propertyOptions(t, 500),
    );
  });
});
