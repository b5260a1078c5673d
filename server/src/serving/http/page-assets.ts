/**
 * Files that pages load. Their addresses contain a hash of their bytes, so browsers cache them forever and request new ones after an upgrade. Each
 * file is compressed once, at its first request, as far as possible: 1.7 MB of Swagger UI become 390 KB with brotli.
 *
 * Swagger UI comes from the framework's own package, which contains its built files. Of the renderers that were tried under a policy that allows
 * no inline script or style, only this one broke no rule: RapiDoc loads fonts from another site, Scalar and Redoc set styles inline
 * (52 and 12 refusals), and Redoc then shows nothing. The package `swagger-ui-dist` has the same files and a script that reports installations.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { FastifyInstance } from "fastify";
import { ProblemError } from "../problems.ts";
import { acceptedCoding, type ContentCoding } from "./content-coding.ts";
import { matchesEtag } from "./etag.ts";
import type { RouteContext } from "./route-context.ts";

const OWN = resolve(import.meta.dirname, "../../../pages");
const SWAGGER_UI = join(dirname(createRequire(import.meta.url).resolve("@fastify/swagger-ui/package.json")), "static");
const FILES = {
  "page.css": { folder: OWN, type: "text/css; charset=utf-8" },
  "docs.js": { folder: OWN, type: "text/javascript; charset=utf-8" },
  "swagger-ui.css": { folder: SWAGGER_UI, type: "text/css; charset=utf-8" },
  "swagger-ui-bundle.js": { folder: SWAGGER_UI, type: "text/javascript; charset=utf-8" },
} as const;
type FileName = keyof typeof FILES;

const HASH_CHARS = 16;
const PREFERENCE: readonly ContentCoding[] = ["br", "gzip"];
const BROTLI_QUALITY = 9;
const pack: Readonly<Record<ContentCoding, (bytes: Buffer) => Promise<Buffer>>> = {
  br: (bytes) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
  gzip: (bytes) => promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }),
};

type Asset = {
  readonly bytes: Buffer;
  readonly hash: string;
  readonly type: string;
  readonly packed: Map<ContentCoding, Promise<Buffer>>;
};

export class PageAssets {
  readonly #assets = new Map<FileName, Asset>();

  constructor() {
    for (const [name, { folder, type }] of Object.entries(FILES)) {
      const bytes = readFileSync(join(folder, name));
      const hash = createHash("sha256").update(bytes).digest("base64url").slice(0, HASH_CHARS);
      this.#assets.set(name as FileName, { bytes, hash, type, packed: new Map() });
    }
  }

  /** Returns the address relative to a page at the root, so that it works behind a proxy with a path prefix. */
  address(name: FileName): string {
    return `docs/assets/${this.#assets.get(name)?.hash}/${name}`;
  }

  get(hash: string, name: string): Asset | undefined {
    const asset = this.#assets.get(name as FileName);
    return asset?.hash === hash ? asset : undefined;
  }

  packed(asset: Asset, coding: ContentCoding): Promise<Buffer> {
    let packed = asset.packed.get(coding);
    if (packed === undefined) {
      packed = pack[coding](asset.bytes);
      asset.packed.set(coding, packed);
    }
    return packed;
  }
}

export function registerAssets(app: FastifyInstance, context: RouteContext, assets: PageAssets): void {
  const replies = context.replies.of("GET", "/docs/assets/{file}");
  app.route<{ Params: { hash: string; file: string } }>({
    method: "GET",
    url: "/docs/assets/:hash/:file",
    config: { route: "/docs/assets/{file}", operation: "docsAsset", operationMethod: "GET", isIngest: false },
    handler: async (request, reply) => {
      const { hash, file } = request.params;
      const asset = assets.get(hash, file);
      if (asset === undefined) throw new ProblemError("not_found", "There is no such file; load /docs again.");
      // Weak, because only Vary distinguishes the compressed forms.
      const etag = `W/"${asset.hash}"`;
      reply.header("etag", etag);
      if (matchesEtag(request.headers["if-none-match"], etag)) return replies.notModified(request, reply);
      const coding = acceptedCoding(request.headers["accept-encoding"], PREFERENCE);
      const bytes = coding === undefined ? asset.bytes : await assets.packed(asset, coding);
      return replies.bytes(request, reply, asset.type, bytes, coding, "public, max-age=31536000, immutable");
    },
  });
}
