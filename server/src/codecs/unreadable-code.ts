import type { DeadLetterCode } from "./dead-letter-codes.ts";
import { DEPTH_MAX } from "./limits.ts";
import { isUtf8 } from "./utf8.ts";

/** Returns the code of a record that is no JSON; bad UTF-8 goes before depth, and depth before everything else. */
export function unreadableCode(buf: Uint8Array, start: number, end: number): DeadLetterCode {
  if (!isUtf8(buf, start, end)) return "invalid_utf8";
  let depth = 0;
  let inString = false;
  for (let p = start; p < end; p++) {
    const c = buf[p];
    if (c === 0x22) inString = !inString;
    else if (inString) p += c === 0x5c ? 1 : 0;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > DEPTH_MAX) return "too_deep";
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
  return "malformed_json";
}
