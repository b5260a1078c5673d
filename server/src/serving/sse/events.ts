/** The text form of server-sent events. The JSON texts of messages have no line breaks, so each is one line. */
import type { Encoder } from "../live/shared-message.ts";

export const COMMENT = Buffer.from(":\n\n");

/** Turns a message of a channel into the first lines of its event, which all streams share. The position and an empty line follow. */
export const eventEncoder: Encoder<Buffer> = {
  encode: (message) => linesOf(message.text()),
  bytesOf: (lines) => lines.length,
};

/** Returns a whole event without a position: after it, a client still holds what it held. */
export function eventOf(text: string): Buffer {
  return Buffer.concat([linesOf(text), NEWLINE]);
}

export const retryLine = (ms: number): Buffer => Buffer.from(`retry: ${ms}\n\n`);

const NEWLINE = Buffer.from("\n");

function linesOf(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const type = text.slice(TYPE_AT, text.indexOf('"', TYPE_AT));
  const head = `event: ${type}\ndata: `;
  // Memory of its own, because events live as long as their revision is the newest of a quiet channel.
  const lines = Buffer.allocUnsafeSlow(head.length + bytes + 1);
  lines.write(head, "latin1");
  lines.write(text, head.length);
  lines[lines.length - 1] = 0x0a;
  return lines;
}

/** Every message begins with its type. */
const TYPE_AT = '{"type":"'.length;
