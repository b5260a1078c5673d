/**
 * Builds the bytes of a response with statistics. The compressed form of the figures is kept with their text, so that a repeated response
 * needs no compression, although its as-of, watermark and lag are new each time; see gzip-splice.ts. For the same reason gzip is preferred to
 * brotli here, and the framework's plug-in compresses for clients that accept only brotli.
 */
import { headText, statsText } from "@swapstats/protocol/stats-text.ts";
import { type GzipEnd, gzipEnd, gzipOf } from "../../shared/gzip-splice.ts";
import type { StatsResponse } from "../query-executor.ts";
import { acceptedCoding, type ContentCoding, PACKED_BYTES_MIN } from "./content-coding.ts";

type Payload = { readonly bytes: string | Buffer; readonly coding: "gzip" | undefined };

const PREFERENCE: readonly ContentCoding[] = ["gzip", "br"];

export function statsPayload(response: StatsResponse, acceptEncoding: string | undefined): Payload {
  const text = statsText(response);
  if (text.length < PACKED_BYTES_MIN || acceptedCoding(acceptEncoding, PREFERENCE) !== "gzip") {
    return { bytes: text, coding: undefined };
  }
  return { bytes: gzipOf(`{${headText(response)},`, endOf(response)), coding: "gzip" };
}

function endOf(response: StatsResponse): GzipEnd {
  const { kept } = response;
  if (kept?.gzipEnd !== undefined) return kept.gzipEnd;
  const made = gzipEnd(`${response.body}}`);
  if (kept !== undefined) kept.gzipEnd = made;
  return made;
}
