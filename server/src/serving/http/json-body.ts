/** JSON bodies of queries, with a limit on nesting that is checked before they are parsed. */
import { printableCut } from "../../shared/printable-text.ts";
import { ProblemError } from "../problems.ts";

/** Limit, because the parser's message repeats a part of the body. */
const MESSAGE_CHARS_MAX = 200;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Returns the value of a body. Throws ProblemError `bad_request` if it is not JSON in UTF-8, or nested deeper than `depthMax`. */
export function parseJsonBody(bytes: Uint8Array, depthMax: number): unknown {
  if (isDeeper(bytes, depthMax)) {
    throw new ProblemError("bad_request", `The body is nested more than ${depthMax} deep.`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ProblemError("bad_request", "The body is not valid UTF-8.", {}, error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ProblemError(
      "bad_request",
      `The body is not JSON: ${printableCut((error as Error).message, MESSAGE_CHARS_MAX)}`,
      {},
      error,
    );
  }
}

function isDeeper(bytes: Uint8Array, depthMax: number): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i];
    if (inString) {
      if (byte === BACKSLASH) i += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      if (depth > depthMax) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
  }
  return false;
}
