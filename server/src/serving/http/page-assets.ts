/**
 * Files that pages load. Their addresses contain a hash of their bytes, so browsers cache them forever and request new ones after an upgrade.
 * Compressed, 1.7 MB of Swagger UI become 390 KB with brotli.
 *
 * Swagger UI comes from the framework's own package, which contains its built files. Of the renderers that were tried under a policy that allows
 * no inline script or style, only this one broke no rule: RapiDoc loads fonts from another site, Scalar and Redoc set styles inline
 * (52 and 12 refusals), and Redoc then shows nothing. The package `swagger-ui-dist` has the same files and a script that reports installations.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import type { FastifyInstance } from "fastify";
import { ProblemError } from "../problems.ts";
import { PackedFile } from "./packed-file.ts";
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

export class PageAssets {
  readonly #files = new Map<FileName, PackedFile>();

  constructor() {
    for (const [name, { folder, type }] of Object.entries(FILES)) {
      this.#files.set(name as FileName, new PackedFile(readFileSync(join(folder, name)), type));
    }
  }

  /** Returns the address relative to a page at the root, so that it works behind a proxy with a path prefix. */
  address(name: FileName): string {
    return `docs/assets/${this.#files.get(name)?.hash}/${name}`;
  }

  get(hash: string, name: string): PackedFile | undefined {
    const file = this.#files.get(name as FileName);
    return file?.hash === hash ? file : undefined;
  }
}

export function registerAssets(app: FastifyInstance, context: RouteContext, assets: PageAssets): void {
  const replies = context.replies.of("GET", "/docs/assets/{file}");
  app.route<{ Params: { hash: string; file: string } }>({
    method: "GET",
    url: "/docs/assets/:hash/:file",
    config: { route: "/docs/assets/{file}", operation: "docsAsset", operationMethod: "GET", isIngest: false },
    handler: async (request, reply) => {
      const file = assets.get(request.params.hash, request.params.file);
      if (file === undefined) throw new ProblemError("not_found", "There is no such file; load /docs again.");
      return file.send(request, reply, replies);
    },
  });
}
