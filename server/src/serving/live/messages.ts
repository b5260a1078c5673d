/** Builds the JSON texts of messages to clients. Data and patches come as text from their owner and are inserted as they are. */
import { messageLimits } from "@swapstats/protocol/limits.ts";
import type { ReadOnly } from "@swapstats/protocol/schemas/values.ts";
import type {
  AuthenticatedMessage,
  ErrorMessage,
  PausedMessage,
  RequestId,
  SetMessage,
  SubscribedMessage,
  UnsubscribedMessage,
} from "@swapstats/protocol/schemas/websocket.ts";
import type { ChannelUpdate } from "../../ports/stats-bus.ts";
import type { ProblemError } from "../problems.ts";

export type MessageContent =
  | { readonly kind: "snapshot" }
  /** JSON text of a merge patch, and the revision that it applies to. */
  | { readonly kind: "patch"; readonly prevRev: number; readonly patch: string }
  /** JSON texts of further items of a log, and how many were left out before them. */
  | { readonly kind: "swaps"; readonly items: readonly string[]; readonly skipped: number }
  /** Checksum of the data, which the client holds. */
  | { readonly kind: "checksum"; readonly crc32: number };

export function messageText(channel: string, update: ChannelUpdate, content: MessageContent): string {
  const head = revisionText(channel, update);
  switch (content.kind) {
    case "snapshot":
      return `{"type":"snapshot",${head},${standingText(update)},"data":${update.data}}`;
    case "patch":
      return `{"type":"patch",${head},"prev_rev":${content.prevRev},${standingText(update)},"patch":${content.patch}}`;
    case "swaps":
      return `{"type":"swaps",${channelText(channel, update)},"seq":${update.rev},"items":[${content.items.join(",")}],"skipped":${content.skipped}}`;
    case "checksum":
      return `{"type":"heartbeat",${head},"crc32":${content.crc32}}`;
  }
}

export type Subscribed = {
  readonly channels: readonly string[];
  /** For each of the channels, whether it continues from the position that the request gave. */
  readonly recovered: readonly boolean[];
  /** Canonical channels by the requested names. */
  readonly names: ReadonlyMap<string, string>;
  readonly pending: readonly string[];
  readonly windows: Readonly<Record<string, { readonly length_ms: number; readonly step_ms: number }>>;
};

/** `isResumed`: the request gave positions. */
export function subscribedText(id: RequestId | undefined, subscribed: Subscribed, isResumed: boolean): string {
  const { channels, recovered, names, pending, windows } = subscribed;
  const message: ReadOnly<SubscribedMessage> = {
    type: "subscribed",
    ...(id === undefined ? {} : { id }),
    channels,
    ...(isResumed ? { recovered } : {}),
    names: Object.fromEntries(names),
    ...(pending.length === 0 ? {} : { pending }),
    windows,
  };
  return JSON.stringify(message);
}

export function setText(id: RequestId, channel: string): string {
  const message: SetMessage = { type: "set", id, channel };
  return JSON.stringify(message);
}

export function pausedText(id: RequestId, paused: boolean): string {
  const message: PausedMessage = { type: "paused", id, paused };
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

/** `expiresAtMs`: undefined if the credentials do not expire. */
export function authenticatedText(id: RequestId, expiresAtMs: number | undefined): string {
  const message: AuthenticatedMessage = {
    type: "authenticated",
    id,
    ...(expiresAtMs === undefined ? {} : { expires_at: expiresAtMs }),
  };
  return JSON.stringify(message);
}

export const authExpiringText = (atMs: number): string => `{"type":"auth_expiring","at":${atMs}}`;

export const shutdownText = (reconnectAfterMs: number): string =>
  `{"type":"shutdown","reconnect_after_ms":${reconnectAfterMs}}`;

function revisionText(channel: string, update: ChannelUpdate): string {
  const seq = update.log === undefined ? "" : `,"seq":${update.rev}`;
  return `${channelText(channel, update)},"rev":${update.rev}${seq}`;
}

function channelText(channel: string, { epoch }: ChannelUpdate): string {
  return `"channel":${JSON.stringify(channel)},"epoch":${JSON.stringify(epoch)}`;
}

/** Returns the members as_of, watermark, lag_ms and stale. */
function standingText(update: ChannelUpdate): string {
  const watermark = update.watermark === undefined ? "" : `"watermark":${update.watermark},`;
  const stale = update.stale ? ',"stale":true' : "";
  return `"as_of":${update.asOf},${watermark}"lag_ms":${update.lagMs}${stale}`;
}
