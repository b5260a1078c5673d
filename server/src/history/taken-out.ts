/** Raw rows come in memory that the worker wants back: a chunk stays for as long as its rows wait, and may be much smaller than its memory. */
import type { ToHistory } from "../ports/history-stream.ts";

/** Returns the message with raw rows in memory of just their size. The larger memory in which they came goes to `giveBack`. */
export function takenOut(message: ToHistory, giveBack: (memory: Uint8Array<ArrayBuffer>) => void): ToHistory {
  if (message.type !== "raw") return message;
  const { content } = message.chunk;
  if (content.length === content.buffer.byteLength) return message;
  const chunk = { ...message.chunk, content: content.slice() };
  giveBack(new Uint8Array(content.buffer));
  return { ...message, chunk };
}
