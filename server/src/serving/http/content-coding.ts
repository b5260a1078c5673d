/**
 * How answers are packed. The framework's plug-in packs what is in `PACKED_TYPES` and long enough; answers of statistics are packed by
 * `stats-payload.ts`, which keeps the packed form beside the plain one.
 *
 * Measured over 500 rows of an overview (336 KB) and over three windows (1.8 KB), in ms of CPU:
 * brotli 1: 85 KB in 1.5, 698 B in 0.028; brotli 4: 84 KB in 3.3, 568 B in 0.042; brotli 5: 79 KB in 6.3, 542 B in 0.052; brotli 11: seconds.
 * gzip 5: 83 KB in 4.3, 608 B in 0.027; gzip 6: 82 KB in 6.2; gzip 9: 80 KB in 10.6.
 * So brotli at 4 is as small as gzip at 5 in less time, and goes first; what more effort saves is paid for twice.
 */
import { constants } from "node:zlib";
import type { FastifyCompressOptions } from "@fastify/compress";

export type ContentCoding = "br" | "gzip";

/** Shorter answers go as they are: they fit into one packet anyway. */
export const PACKED_BYTES_MIN = 1024;
/** Answers to this length are packed at once, in 0.2 ms at most; longer ones by the pool of threads. */
const PACKED_AT_ONCE_BYTES_MAX = 16 * 1024;
const BROTLI_QUALITY = 4;
const GZIP_LEVEL = 5;
const PACKED_TYPES = /^(?:application\/(?:problem\+)?json|text\/(?:html|css|javascript)|image\/svg\+xml)(?:;|$)/;

/** Whether an answer of the API is long enough. */
export const isPacked = (bytes: string | Buffer): boolean => Buffer.byteLength(bytes) >= PACKED_BYTES_MIN;

export const compressOptions: FastifyCompressOptions = {
  encodings: ["br", "gzip"],
  threshold: PACKED_BYTES_MIN,
  syncThreshold: PACKED_AT_ONCE_BYTES_MAX,
  customTypes: PACKED_TYPES,
  brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } },
  zlibOptions: { level: GZIP_LEVEL },
  // Bodies that come packed are the business of the reader of bodies, which bounds them.
  globalDecompression: false,
};

/** Texts of Accept-Encoding that are remembered; the few of real clients stay, made-up ones cost no memory. */
const REMEMBERED_MAX = 256;
const REMEMBERED_CHARS_MAX = 128;

type Accepted = Readonly<Record<ContentCoding, number>>;
const NONE: Accepted = { br: 0, gzip: 0 };
const remembered = new Map<string, Accepted>();

/**
 * The coding that a client likes best by its Accept-Encoding (RFC 9110, section 12.5.3), the earlier in `preference` where it likes
 * several alike; undefined: as it is, also where it forbids that and everything that there is here.
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
  if (header.length <= REMEMBERED_CHARS_MAX) {
    if (remembered.size >= REMEMBERED_MAX) remembered.clear();
    remembered.set(header, accepted);
  }
  return accepted;
}

/** Weights by coding; 0 where it is not wanted, or less than no coding at all. */
function parse(header: string): Accepted {
  const weights = new Map<string, number>();
  for (const part of header.toLowerCase().split(",")) {
    const [name = "", ...parameters] = part.split(";");
    const coding = name.trim();
    if (coding !== "") weights.set(coding === "x-gzip" ? "gzip" : coding, weightOf(parameters));
  }
  const others = weights.get("*") ?? 0;
  // Without a word about it no coding is allowed, but nobody who names codings likes it better.
  const identity = weights.get("identity") ?? 0;
  const weigh = (coding: ContentCoding): number => {
    const weight = weights.get(coding) ?? others;
    return weight >= identity ? weight : 0;
  };
  const accepted = { br: weigh("br"), gzip: weigh("gzip") };
  return accepted.br === 0 && accepted.gzip === 0 ? NONE : accepted;
}

const WEIGHT = /^q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** A weight that breaks the grammar forbids its coding: the client surely understands an answer as it is. */
function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const text = parameter.trim();
    if (!text.startsWith("q")) continue;
    const match = WEIGHT.exec(text);
    return match === null ? 0 : Number(match[1]);
  }
  return 1;
}
