/**
 * Settings for compressing responses. The framework's plug-in compresses responses of `PACKED_TYPES` that are long enough. `stats-payload.ts` compresses
 * responses with statistics, and keeps the compressed form with the plain one.
 *
 * Measured over 500 rows of an overview (336 KB) and over three windows (1.8 KB), in ms of CPU:
 * brotli 1: 85 KB in 1.5, 698 B in 0.028; brotli 4: 84 KB in 3.3, 568 B in 0.042; brotli 5: 79 KB in 6.3, 542 B in 0.052; brotli 11: seconds.
 * gzip 5: 83 KB in 4.3, 608 B in 0.027; gzip 6: 82 KB in 6.2; gzip 9: 80 KB in 10.6.
 * Brotli at 4 is as small as gzip at 5 in less time, so it is preferred. Higher levels cost more time than their bytes are worth.
 */
import { constants } from "node:zlib";
import type { FastifyCompressOptions } from "@fastify/compress";
import { LRUCache } from "lru-cache";

export type ContentCoding = "br" | "gzip";

/** Shorter responses are sent uncompressed: they fit into one packet anyway. */
export const PACKED_BYTES_MIN = 1024;
/** Responses up to this length are compressed synchronously, in 0.2 ms at most; longer ones by the thread pool. */
const PACKED_AT_ONCE_BYTES_MAX = 16 * 1024;
const BROTLI_QUALITY = 4;
const GZIP_LEVEL = 5;
const PACKED_TYPES = /^(?:application\/(?:problem\+)?json|text\/(?:html|css|javascript)|image\/svg\+xml)(?:;|$)/;

/** Whether a response of the API is long enough to be compressed. */
export const isPacked = (bytes: string | Buffer): boolean => Buffer.byteLength(bytes) >= PACKED_BYTES_MIN;

export const compressOptions: FastifyCompressOptions = {
  encodings: ["br", "gzip"],
  threshold: PACKED_BYTES_MIN,
  syncThreshold: PACKED_AT_ONCE_BYTES_MAX,
  customTypes: PACKED_TYPES,
  brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } },
  zlibOptions: { level: GZIP_LEVEL },
  // The body reader expands compressed bodies, within limits.
  globalDecompression: false,
};

/** Texts of Accept-Encoding that are remembered. The few that real clients send stay, whatever else is sent. */
const REMEMBERED_MAX = 256;
const REMEMBERED_CHARS_MAX = 128;

type Accepted = Readonly<Record<ContentCoding, number>>;
const NONE: Accepted = { br: 0, gzip: 0 };
const remembered = new LRUCache<string, Accepted>({ max: REMEMBERED_MAX });

/**
 * Returns the coding that a client prefers by its Accept-Encoding (RFC 9110, section 12.5.3); of codings with equal weight, the earlier in
 * `preference`. Undefined: no coding, even if the client forbids that and every coding here.
 */
export function acceptedCoding(
  header: string | undefined,
  preference: readonly ContentCoding[],
): ContentCoding | undefined {
  if (header === undefined || header === "") return undefined;
  const accepted = remembered.get(header) ?? remember(header);
  let best: ContentCoding | undefined;
  for (const coding of preference) {
    if (accepted[coding] > (best === undefined ? 0 : accepted[best])) best = coding;
  }
  return best;
}

function remember(header: string): Accepted {
  const accepted = parse(header);
  if (header.length <= REMEMBERED_CHARS_MAX) remembered.set(header, accepted);
  return accepted;
}

/** Returns weights by coding; 0 for a coding that is not accepted, or that the client likes less than no coding. */
function parse(header: string): Accepted {
  const weights = new Map<string, number>();
  for (const part of header.toLowerCase().split(",")) {
    const [name = "", ...parameters] = part.split(";");
    const coding = name.trim();
    if (coding !== "") weights.set(coding === "x-gzip" ? "gzip" : coding, weightOf(parameters));
  }
  const others = weights.get("*") ?? 0;
  // If the header does not name it, `identity` is allowed, but a client that names codings does not prefer it.
  const identity = weights.get("identity") ?? 0;
  const weigh = (coding: ContentCoding): number => {
    const weight = weights.get(coding) ?? others;
    return weight >= identity ? weight : 0;
  };
  const accepted = { br: weigh("br"), gzip: weigh("gzip") };
  return accepted.br === 0 && accepted.gzip === 0 ? NONE : accepted;
}

const WEIGHT = /^q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** A weight that breaks the grammar forbids its coding: every client understands an uncompressed response. */
function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const text = parameter.trim();
    if (!text.startsWith("q")) continue;
    const match = WEIGHT.exec(text);
    return match === null ? 0 : Number(match[1]);
  }
  return 1;
}
