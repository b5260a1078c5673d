/**
 * The data of one channel, as a function of the messages that came.
 *
 * `base` is what the service believes that the client holds: a patch is applied to it. `shown` is what a store shows. They differ only while the
 * service is behind what was shown before, for example at another instance that has not caught up. `shown` then stays as it is until `base` has
 * passed it, so a store never shows an older revision after a newer one of the same epoch.
 */
import type { LiveSwapsData } from "../types.ts";
import type { Json } from "../wire/json.ts";
import type { ChecksumMessage, PatchMessage, SnapshotMessage, SwapsMessage } from "../wire/server-messages.ts";
import type { Swap } from "../wire/tokens.ts";
import { mergePatch, share } from "./merge.ts";
import { applySwaps, itemsOfSnapshot } from "./swap-items.ts";

/** A message that changes what a store shows. */
export type DataMessage = SnapshotMessage | PatchMessage | SwapsMessage;

type Held = {
  readonly epoch: string;
  /** The revision; of swaps, the number of the newest change. */
  readonly rev: number;
  readonly data: unknown;
  /** Unix milliseconds. */
  readonly asOf: number;
  readonly watermark: number | undefined;
  readonly lagMs: number;
  /** No instance owns the data at present. */
  readonly isStale: boolean;
};

export type ChannelState = {
  /** Undefined: the next message must be a snapshot. */
  readonly base: Held | undefined;
  readonly shown: Held | undefined;
  /** The newest revision that was shown of each of the last epochs, the last one at the end. */
  readonly newest: readonly (readonly [epoch: string, rev: number])[];
};

export const EMPTY_CHANNEL: ChannelState = { base: undefined, shown: undefined, newest: [] };
/** Epochs whose newest revision is remembered. Epochs come back only while instances hand a token over. */
const EPOCHS_MAX = 8;

/** Returns the state after a message. Undefined: the message does not fit, and only a new snapshot helps. `itemsMax` is the limit of a list of swaps. */
export function receive(state: ChannelState, message: DataMessage, itemsMax: number): ChannelState | undefined {
  const { base } = state;
  if (message.type === "snapshot") return advance(state, heldOf(message, snapshotData(state, message)));
  if (base === undefined || message.epoch !== base.epoch) return undefined;
  if (message.type === "swaps") {
    const { seq, items, skipped } = message;
    if (base.rev + items.length === seq && skipped === 0) {
      const data = applySwaps(base.data as LiveSwapsData, items, seq, itemsMax);
      return advance(state, { ...base, rev: seq, data });
    }
    return seq <= base.rev ? state : undefined;
  }
  if (message.prev_rev === base.rev) {
    return advance(state, heldOf(message, mergePatch(base.data as Json, message.patch)));
  }
  // It came twice.
  return message.rev <= base.rev ? state : undefined;
}

/** Returns whether the sum is about the data that is held. It is always about the last message of the channel, so another revision tells that one was lost. */
export const isAbout = ({ base }: ChannelState, { epoch, rev }: ChecksumMessage): boolean =>
  base?.epoch === epoch && base.rev === rev;

/** Returns whether a store shows newer data than the service has sent since. */
export const isAhead = ({ base, shown }: ChannelState): boolean => base !== shown;

function snapshotData({ base, shown }: ChannelState, message: SnapshotMessage): unknown {
  const before = (base ?? shown)?.data;
  return message.channel.startsWith("swaps:")
    ? itemsOfSnapshot(
        before as LiveSwapsData | undefined,
        (message.data as { items: readonly Swap[] }).items,
        message.rev,
      )
    : share(before as Json | undefined, message.data as unknown as Json);
}

function heldOf(message: SnapshotMessage | PatchMessage, data: unknown): Held {
  const { epoch, rev, as_of: asOf, watermark, lag_ms: lagMs, stale } = message;
  return { epoch, rev, data, asOf, watermark, lagMs, isStale: stale === true };
}

function advance({ shown, newest }: ChannelState, base: Held): ChannelState {
  const { epoch, rev } = base;
  const shownRev = newest.find(([known]) => known === epoch)?.[1] ?? -1;
  if (rev < shownRev) return { base, shown, newest };
  const others = newest.filter(([known]) => known !== epoch).slice(1 - EPOCHS_MAX);
  return { base, shown: base, newest: [...others, [epoch, rev]] };
}
