/**
 * Builds the bytes of a response with statistics. The compressed form of the figures is kept with their text, so that a repeated response
 * needs no compression, although its as-of, watermark and lag are new each time; see gzip-splice.ts. For the same reason gzip is preferred to
 * brotli here, and the framework's plug-in compresses for clients that accept only brotli.
 */
import { headText, statsText } from "@swapstats/protocol/stats-text.ts";
import { type GzipEnd, gzipEnd, gzipOf } from "../../shared/gzip-splice.ts";
import type { StatsAnswer } from "../query-executor.ts";
import { acceptedCoding, type ContentCoding, PACKED_BYTES_MIN } from "./content-coding.ts";

export type Payload = { readonly bytes: string | Buffer; readonly coding: "gzip" | undefined };

const PREFERENCE: readonly ContentCoding[] = ["gzip", "br"];

export function statsPayload(answer: StatsAnswer, acceptEncoding: string | undefined): Payload {
  const text = statsText(answer);
  if (text.length < PACKED_BYTES_MIN || acceptedCoding(acceptEncoding, PREFERENCE) !== "gzip") {
    return { bytes: text, coding: undefined };
  }
  return { bytes: gzipOf(`{${headText(answer)},`, endOf(answer)), coding: "gzip" };
}

function endOf(answer: StatsAnswer): GzipEnd {
  const { kept } = answer;
  if (kept?.gzipEnd !== undefined) return kept.gzipEnd;
  const made = gzipEnd(`${answer.body}}`);
  if (kept !== undefined) kept.gzipEnd = made;
  return made;
}
