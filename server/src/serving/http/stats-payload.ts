/**
 * Answers of statistics as they go out. The packed form of the figures is kept beside their text, so that an answer that is given again
 * costs no packing, though its as-of, watermark and lag are new each time; see gzip-splice.ts. For the same reason gzip goes before
 * brotli here, and the framework's plug-in packs for clients that take brotli alone.
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
