/** Reads the body of an HTTP response with a limit, so that no server can fill the memory. */
import { SwapstatsError } from "./errors.ts";

/** Longest pause that a server may ask for. */
const RETRY_AFTER_MS_MAX = 600_000;

/**
 * Returns the body after decompression. Rejects with `too_large` when it is longer than `bytesMax`, and then reads no more of it. `from`
 * names the server in the message.
 */
export async function readBody(response: Response, bytesMax: number, from: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the rest.
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > bytesMax)
      throw new SwapstatsError("too_large", `the response of ${from} is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

/** Returns the pause in ms that the header `Retry-After` asks for (seconds or a date), at most ten minutes; 0: none. */
export function retryAfterMs(response: Response, nowMs: number): number {
  const text = response.headers.get("retry-after")?.trim() ?? "";
  const ms = /^[0-9]{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return ms > 0 ? Math.min(ms, RETRY_AFTER_MS_MAX) : 0;
}
