/** Workers of a test: what is opened there is noted, and the test sends the updates. */

import type { BusWorker, BusWorkers, OpenFeed } from "../../../src/bus/bus-workers.ts";
import type { FeedUpdate } from "../../../src/bus/responses.ts";
import type { ChannelSpec, ChannelUpdate } from "../../../src/ports/stats-bus.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";

type Opened = {
  readonly spec: ChannelSpec;
  readonly onUpdate: (update: FeedUpdate) => void;
  readonly onEnd: (error: SwapstatsError) => void;
  isClosed: boolean;
};

export class FakeWorker implements BusWorker {
  readonly key: string;
  readonly isLocal = false;
  readonly parts = new Map<number, string>();
  /** All feeds that were opened, in order. */
  readonly opened: Opened[] = [];
  /** Set by a test to make opening fail. */
  failure: SwapstatsError | undefined;

  constructor(key: string, parts: readonly (readonly [number, string])[]) {
    this.key = key;
    for (const [partition, epoch] of parts) this.parts.set(partition, epoch);
  }

  ask(): Promise<never> {
    return Promise.reject(new SwapstatsError("internal", "not asked here"));
  }

  open(spec: ChannelSpec, onUpdate: Opened["onUpdate"], onEnd: Opened["onEnd"]): OpenFeed {
    const one: Opened = { spec, onUpdate, onEnd, isClosed: false };
    this.opened.push(one);
    const opened = this.failure === undefined ? Promise.resolve() : Promise.reject(this.failure);
    opened.catch((error) => onEnd(error));
    return {
      opened,
      close: () => {
        one.isClosed = true;
      },
    };
  }

  /** The feed that is open now. */
  get feed(): Opened | undefined {
    return this.opened.findLast(({ isClosed }) => !isClosed);
  }

  send(update: FeedUpdate): void {
    this.feed?.onUpdate(update);
  }
}

export class FakeWorkers implements BusWorkers {
  all: readonly FakeWorker[] = [];
  partitions = 1;
  version = 0;
  mayBeAway: boolean;
  readonly isCachingSafe = true;

  constructor(mayBeAway: boolean, ...all: readonly FakeWorker[]) {
    this.mayBeAway = mayBeAway;
    this.all = all;
    this.partitions = all.reduce((sum, worker) => sum + worker.parts.size, 0);
  }

  get own(): readonly FakeWorker[] {
    return this.all;
  }

  ownerOf(partition: number): FakeWorker | undefined {
    return this.all.find(({ parts }) => parts.has(partition));
  }

  isCurrent(partition: number, epoch: string): boolean {
    return Number(epoch) >= Number(this.ownerOf(partition)?.parts.get(partition) ?? 0);
  }

  confirm(): void {}

  onChange(): () => void {
    return () => {};
  }
}

/** What a listener was given, in short: `epoch:revision`, `~` for stale, `+` for a patch. */
export class Heard {
  readonly updates: ChannelUpdate[] = [];
  readonly take = (update: ChannelUpdate): void => {
    this.updates.push(update);
  };

  get texts(): string[] {
    return this.updates.map(({ epoch, rev, stale, patch }) => {
      const [epochOfOwners] = epoch.split(":");
      return `${epochOfOwners}:${rev}${stale ? "~" : ""}${patch ? "+" : ""}`;
    });
  }

  get data(): unknown {
    return JSON.parse(this.updates.at(-1)?.data ?? "null");
  }
}

/** An update of a token's feed in partition 0. `prevRev` given: with a patch. */
export function tokenUpdate(epoch: string, rev: number, prevRev?: number): FeedUpdate {
  return {
    ...{ epoch, rev, prevRev, asOf: rev, watermark: rev, lagMs: 0, rows: undefined },
    ...{ data: `{"value":${rev}}`, patch: prevRev === undefined ? undefined : `{"value":${rev}}` },
    parts: [{ partition: 0, epoch, rev }],
  };
}

/** An update of a ranking's feed: the trades of each token. */
export function rankingUpdate(
  partition: number,
  rev: number,
  trades: Readonly<Record<string, number>>,
  patch?: { readonly prevRev: number; readonly text: string },
): FeedUpdate {
  const rows = Object.entries(trades)
    .sort((a, b) => b[1] - a[1])
    .map(([id, count]) => ({ key: { value: `${count}`, id }, partition, json: `{"trades":${count},"name":"${id}"}` }));
  const update: FeedUpdate = {
    ...{ epoch: "1", rev, prevRev: patch?.prevRev, asOf: rev, watermark: undefined, lagMs: 0 },
    ...{ data: undefined, rows, patch: patch?.text, parts: [{ partition, epoch: "1", rev }] },
  };
  return update;
}
