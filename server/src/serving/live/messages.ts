/** Builds the JSON texts of messages to clients. Data and patches come as text from their owner and are inserted as they are. */
import { messageLimits } from "@swapstats/protocol/limits.ts";
import type { ReadOnly } from "@swapstats/protocol/schemas/values.ts";
import type {
  ErrorMessage,
  RequestId,
  SubscribedMessage,
  UnsubscribedMessage,
} from "@swapstats/protocol/schemas/websocket.ts";
import type { ChannelUpdate } from "../../ports/stats-bus.ts";
import type { ProblemError } from "../problems.ts";

export function snapshotText(channel: string, update: ChannelUpdate): string {
  return `{"type":"snapshot",${revisionText(channel, update)},${standingText(update)},"data":${update.data}}`;
}

/** `patch` applies to the data of revision `prevRev`. */
export function patchText(channel: string, update: ChannelUpdate, prevRev: number, patch: string): string {
  return `{"type":"patch",${revisionText(channel, update)},"prev_rev":${prevRev},${standingText(update)},"patch":${patch}}`;
}

export type Subscribed = {
  readonly channels: readonly string[];
  /** Canonical channels by the requested names. */
  readonly names: ReadonlyMap<string, string>;
  readonly pending: readonly string[];
  readonly windows: Readonly<Record<string, { readonly length_ms: number; readonly step_ms: number }>>;
};

export function subscribedText(id: RequestId | undefined, { channels, names, pending, windows }: Subscribed): string {
  const message: ReadOnly<SubscribedMessage> = {
    type: "subscribed",
    ...(id === undefined ? {} : { id }),
    channels,
    names: Object.fromEntries(names),
    ...(pending.length === 0 ? {} : { pending }),
    windows,
  };
  return JSON.stringify(message);
}

export function unsubscribedText(id: RequestId, channels: readonly string[]): string {
  const message: ReadOnly<UnsubscribedMessage> = { type: "unsubscribed", id, channels };
  return JSON.stringify(message);
}

/** Returns an error message. `channels` is the channel concerned, or all channels of a request that is refused as a whole. */
export function errorText(id: RequestId | undefined, problem: ProblemError, channels: readonly string[]): string {
  const named = channels.slice(0, messageLimits.channelsInErrorMax).map(cut);
  const [first] = named;
  const message: ErrorMessage = {
    type: "error",
    ...(id === undefined ? {} : { id }),
    code: problem.code,
    message: problem.message,
    ...(channels.length === 1 && first !== undefined ? { channel: first } : {}),
    ...(channels.length > 1 ? { channels: named } : {}),
    ...(problem.extras.candidates === undefined ? {} : { candidates: problem.extras.candidates }),
    ...(problem.extras.more === undefined ? {} : { more: problem.extras.more }),
  };
  return JSON.stringify(message);
}

/** Longer texts name no channel. They are cut, so that an error about them is no longer than others. */
const CHANNEL_CHARS_MAX = 512;
const cut = (channel: string): string =>
  channel.length <= CHANNEL_CHARS_MAX ? channel : `${channel.slice(0, CHANNEL_CHARS_MAX)}...`;

export const heartbeatText = (timeMs: number): string => `{"type":"heartbeat","time":${timeMs}}`;

export const shutdownText = (reconnectAfterMs: number): string =>
  `{"type":"shutdown","reconnect_after_ms":${reconnectAfterMs}}`;

function revisionText(channel: string, update: ChannelUpdate): string {
  return `"channel":${JSON.stringify(channel)},"epoch":${JSON.stringify(update.epoch)},"rev":${update.rev}`;
}

/** Returns the members as_of, watermark, lag_ms and stale. */
function standingText(update: ChannelUpdate): string {
  const watermark = update.watermark === undefined ? "" : `"watermark":${update.watermark},`;
  const stale = update.stale ? ',"stale":true' : "";
  return `"as_of":${update.asOf},${watermark}"lag_ms":${update.lagMs}${stale}`;
}
