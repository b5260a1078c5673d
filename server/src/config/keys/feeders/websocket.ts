/** Keys of a feeder of type `websocket`: somebody's feed. */
import { key, required, type Section, type StructureRead } from "../../key.ts";
import { choice, duration, HOUR_MS, integer, MIB, size, text } from "../kinds.ts";
import { url } from "./addresses.ts";
import { MAPPING } from "./common.ts";
import { HEADERS } from "./headers.ts";
import { JSON_PATH } from "./json-paths.ts";

const MESSAGES_MAX = 64;
const MESSAGE_CHARS_MAX = 64 * 1024;

/** Messages that are sent as they are; an object or a list is sent as JSON. */
const MESSAGES = {
  type: "structure",
  read: readMessages,
  show: (messages: readonly string[]): readonly string[] => messages.map(() => "***"),
} as const;

function readMessages(raw: unknown): StructureRead<readonly string[]> {
  if (!Array.isArray(raw)) return { problem: "is no list of messages; write `- { op: subscribe }` for each" };
  if (raw.length > MESSAGES_MAX) return { problem: `has ${raw.length} messages; give at most ${MESSAGES_MAX}` };
  const messages = raw.map((message) => (typeof message === "string" ? message : JSON.stringify(message)));
  if (messages.some((message) => message.length > MESSAGE_CHARS_MAX)) {
    return { problem: `has a message of more than ${MESSAGE_CHARS_MAX} characters; shorten it` };
  }
  return { value: messages };
}

export const WEBSOCKET_FEEDER = {
  mapping: MAPPING,
  url: required(
    key(
      "url",
      url(["ws://", "wss://"]),
      "",
      "Address of the feed. `env:NAME` or `file:PATH` keeps a secret in it out of the file.",
    ),
  ),
  headers: key("headers", HEADERS, "", "Headers of the handshake. Secrets are given as `env:NAME` or `file:PATH`."),
  subscribe: key(
    "subscribe",
    MESSAGES,
    "",
    "Messages that are sent after each connect, as a list. Objects are sent as JSON.",
  ),
  cursor: {
    path: key(
      "cursor.path",
      JSON_PATH,
      "",
      "Place of the cursor in a message, such as `$.id`. Not set: the feed cannot continue behind a message, and what it sends while the feeder is not connected is lost.",
    ),
    subscribeWith: key(
      "cursor.subscribe_with",
      MESSAGES,
      "",
      "Messages that are sent instead of `subscribe` when there is a cursor; each text `{cursor}` in them becomes the cursor.",
    ),
  },
  ping: {
    kind: key(
      "ping.kind",
      choice(["frame", "text"]),
      "frame",
      "What keeps the connection: ping frames, or `ping.text`.",
    ),
    text: key("ping.text", text(1024, /^[^\0]+$/, "text"), "ping", "Text of a ping."),
    everyMs: key("ping.every", duration(100, HOUR_MS), "20s", "How often a ping is sent."),
  },
  silenceMs: key(
    "silence",
    duration(100, 24 * HOUR_MS),
    "60s",
    "A connection on which nothing arrives for so long is closed and opened again. Answers to pings count.",
  ),
  queueMax: key(
    "queue",
    integer(1, 100_000),
    "10000",
    "Messages that wait in memory. At this number the connection is not read until fewer wait.",
  ),
  messageBytesMax: key(
    "max_message",
    size(1024, 64 * MIB),
    "1MiB",
    "Size of a message. A larger one closes the connection.",
  ),
  timeoutMs: key("timeout", duration(100, 600_000), "30s", "How long connecting may take."),
} satisfies Section;
