/** From a client's text message to a checked request. */
import { messageLimits, type RequestId } from "@swapstats/protocol/websocket.ts";
import { ProblemError } from "../problems.ts";
import { type ChannelOptions, channelOptions } from "./channels.ts";

export type ClientRequest =
  | {
      readonly kind: "subscribe";
      readonly id: RequestId | undefined;
      /** As written, without repetition. */
      readonly channels: readonly string[];
      readonly options: ChannelOptions;
    }
  | { readonly kind: "unsubscribe"; readonly id: RequestId | undefined; readonly channels: readonly string[] }
  | { readonly kind: "refused"; readonly id: RequestId | undefined; readonly problem: ProblemError };

const WHAT_TO_SEND =
  'Send {"subscribe":"token:<id>"} or {"unsubscribe":"token:<id>"}, each also with a list of channels.';

/** Never throws. `windows` are the names of the configured windows. */
export function parseRequest(text: string, windows: readonly string[]): ClientRequest {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (error) {
    return refused(undefined, "bad_message", `The message is not JSON. ${WHAT_TO_SEND}`, error);
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    return refused(undefined, "bad_message", `The message is not a JSON object. ${WHAT_TO_SEND}`);
  }
  const members = message as Readonly<Record<string, unknown>>;
  const id = requestId(members.id);
  if (id === false) {
    const rule = `a string of at most ${messageLimits.requestIdBytesMax} bytes, or an integer`;
    return refused(undefined, "bad_message", `id must be ${rule}.`);
  }
  try {
    return requestOf(members, id, windows);
  } catch (error) {
    if (error instanceof ProblemError) return { kind: "refused", id, problem: error };
    throw error;
  }
}

function requestOf(
  members: Readonly<Record<string, unknown>>,
  id: RequestId | undefined,
  windows: readonly string[],
): ClientRequest {
  if (Object.hasOwn(members, "resume")) {
    throw new ProblemError(
      "not_implemented",
      "resume is not part of this version; subscribe again, a snapshot follows.",
    );
  }
  const isSubscribe = Object.hasOwn(members, "subscribe");
  const isUnsubscribe = Object.hasOwn(members, "unsubscribe");
  if (isSubscribe === isUnsubscribe) {
    throw new ProblemError("bad_message", `The message must have one of subscribe and unsubscribe. ${WHAT_TO_SEND}`);
  }
  if (isUnsubscribe) return { kind: "unsubscribe", id, channels: channelList(members.unsubscribe) };
  const options = channelOptions(
    { windows: members.windows, limit: members.limit, conflateMs: members.conflate_ms },
    windows,
  );
  return { kind: "subscribe", id, channels: channelList(members.subscribe), options };
}

function channelList(given: unknown): readonly string[] {
  const list = typeof given === "string" ? [given] : given;
  if (!Array.isArray(list) || list.length === 0 || !list.every((name) => typeof name === "string")) {
    throw new ProblemError(
      "bad_message",
      `Channels must be a string, or a list of at least one string. ${WHAT_TO_SEND}`,
    );
  }
  return [...new Set<string>(list)];
}

/** False: there is one, and it is not allowed. */
function requestId(given: unknown): RequestId | undefined | false {
  if (given === undefined || given === null) return undefined;
  if (typeof given === "string") return Buffer.byteLength(given) <= messageLimits.requestIdBytesMax ? given : false;
  return Number.isSafeInteger(given) ? (given as number) : false;
}

const refused = (id: RequestId | undefined, code: "bad_message", message: string, cause?: unknown): ClientRequest => ({
  kind: "refused",
  id,
  problem: new ProblemError(code, message, {}, cause),
});
