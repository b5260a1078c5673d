/** Texts of the messages to clients. Data and patches come as text from their owner and are put in as they are. */
import type { ErrorMessage, RequestId } from "@swapstats/protocol/websocket.ts";
import type { TopicUpdate } from "../../bus/stats-bus.ts";
import type { ProblemError } from "../problems.ts";

export function snapshotText(channel: string, update: TopicUpdate): string {
  return `{"type":"snapshot",${revisionText(channel, update)},${standingText(update)},"data":${update.data}}`;
}

/** `patch` applies to the data of revision `prevRev`. */
export function patchText(channel: string, update: TopicUpdate, prevRev: number, patch: string): string {
  return `{"type":"patch",${revisionText(channel, update)},"prev_rev":${prevRev},${standingText(update)},"patch":${patch}}`;
}

export function subscribedText(
  id: RequestId | undefined,
  channels: readonly string[],
  windows: Readonly<Record<string, { readonly length_ms: number; readonly step_ms: number }>>,
): string {
  return JSON.stringify({ type: "subscribed", id, channels, windows });
}

export function unsubscribedText(id: RequestId, channels: readonly string[]): string {
  return JSON.stringify({ type: "unsubscribed", id, channels });
}

export function errorText(id: RequestId | undefined, problem: ProblemError, channel?: string): string {
  const message: ErrorMessage = {
    type: "error",
    ...(id === undefined ? {} : { id }),
    code: problem.code,
    message: problem.message,
    ...(channel === undefined ? {} : { channel }),
    ...(problem.extras.candidates === undefined ? {} : { candidates: problem.extras.candidates }),
    ...(problem.extras.more === undefined ? {} : { more: problem.extras.more }),
  };
  return JSON.stringify(message);
}

export const heartbeatText = (timeMs: number): string => `{"type":"heartbeat","time":${timeMs}}`;

export const shutdownText = (reconnectAfterMs: number): string =>
  `{"type":"shutdown","reconnect_after_ms":${reconnectAfterMs}}`;

function revisionText(channel: string, update: TopicUpdate): string {
  return `"channel":${JSON.stringify(channel)},"epoch":${JSON.stringify(update.epoch)},"rev":${update.rev}`;
}

/** What the figures stand on. */
function standingText(update: TopicUpdate): string {
  const watermark = update.watermark === undefined ? "" : `"watermark":${update.watermark},`;
  const stale = update.stale ? ',"stale":true' : "";
  return `"as_of":${update.asOf},${watermark}"lag_ms":${update.lagMs}${stale}`;
}
