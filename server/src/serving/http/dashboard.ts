/**
 * The dashboard: the page that `npm run build` makes in the folder dashboard/dist, and the files that it loads. The page and its files never need
 * credentials: a browser cannot show any when it opens a page, and they hold no data.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import type { FastifyInstance } from "fastify";
import { ProblemError } from "../problems.ts";
import { PackedFile } from "./packed-file.ts";
import type { RouteContext } from "./route-context.ts";

export const DASHBOARD_DIR = resolve(import.meta.dirname, "../../../../dashboard/dist");

/** Media types of the files that a build makes. Files of other types are not served. */
const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

type Dashboard = {
  /** HTML with addresses relative to it, so that it works behind a proxy with a path prefix. */
  readonly page: string;
  /** By name. A name contains a hash of the bytes. */
  readonly files: ReadonlyMap<string, PackedFile>;
};

/** Reads a built dashboard. Undefined: the folder holds none. */
export function readDashboard(folder: string): Dashboard | undefined {
  const pagePath = join(folder, "index.html");
  if (!existsSync(pagePath)) return undefined;
  const assets = join(folder, "assets");
  const files = new Map<string, PackedFile>();
  for (const name of existsSync(assets) ? readdirSync(assets) : []) {
    const type = TYPES[extname(name)];
    if (type !== undefined) files.set(name, new PackedFile(readFileSync(join(assets, name)), type));
  }
  return { page: readFileSync(pagePath, "utf8"), files };
}

export function registerDashboardFiles(app: FastifyInstance, context: RouteContext, { files }: Dashboard): void {
  const replies = context.replies.of("GET", "/assets/{file}");
  app.route<{ Params: { file: string } }>({
    method: "GET",
    url: "/assets/:file",
    config: { route: "/assets/{file}", operation: "dashboardAsset", operationMethod: "GET", isIngest: false },
    handler: async (request, reply) => {
      const file = files.get(request.params.file);
      if (file === undefined) throw new ProblemError("not_found", "There is no such file; load the page again.");
      return file.send(request, reply, replies);
    },
  });
}
