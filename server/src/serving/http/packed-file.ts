/** A file that pages load. It is compressed once for each coding, at its first request, as far as possible. */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import { acceptedCoding, type ContentCoding } from "./content-coding.ts";
import { matchesEtag } from "./etag.ts";
import type { Replies } from "./replies.ts";

const HASH_CHARS = 16;
const PREFERENCE: readonly ContentCoding[] = ["br", "gzip"];
const BROTLI_QUALITY = 9;
const pack: Readonly<Record<ContentCoding, (bytes: Buffer) => Promise<Buffer>>> = {
  br: (bytes) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
  gzip: (bytes) => promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }),
};

export class PackedFile {
  readonly #bytes: Buffer;
  readonly hash: string;
  readonly #type: string;
  readonly #packed = new Map<ContentCoding, Promise<Buffer>>();

  /** `type`: its media type. */
  constructor(bytes: Buffer, type: string) {
    this.#bytes = bytes;
    this.#type = type;
    this.hash = createHash("sha256").update(bytes).digest("base64url").slice(0, HASH_CHARS);
  }

  /** Sends the file, which browsers may keep forever: its address changes with its bytes. */
  async send(request: FastifyRequest, reply: FastifyReply, replies: Replies): Promise<FastifyReply> {
    // Weak, because only Vary distinguishes the compressed forms.
    const etag = `W/"${this.hash}"`;
    reply.header("etag", etag);
    if (matchesEtag(request.headers["if-none-match"], etag)) return replies.notModified(request, reply);
    const coding = acceptedCoding(request.headers["accept-encoding"], PREFERENCE);
    const bytes = coding === undefined ? this.#bytes : await this.#pack(coding);
    return replies.bytes(request, reply, this.#type, bytes, coding, "public, max-age=31536000, immutable");
  }

  #pack(coding: ContentCoding): Promise<Buffer> {
    let packed = this.#packed.get(coding);
    if (packed === undefined) {
      packed = pack[coding](this.#bytes);
      this.#packed.set(coding, packed);
    }
    return packed;
  }
}
