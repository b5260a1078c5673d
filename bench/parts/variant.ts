/**
 * Loads the program several times in one process, each time with some texts of its sources replaced. Each copy has functions and classes of
 * its own, so V8 optimizes each for what it runs. One shared object with a replaced method would give its callers two targets, and so slow down
 * the copy that is measured as the whole.
 */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { AppliedSide } from "../support/applied-side.ts";
import type { LeftOut, Patch } from "./left-out.ts";

const SOURCES = new URL("../../server/src/", import.meta.url).href;
const COPY = "copy";

/** Returns the source with the text replaced. Throws when the text does not occur exactly once. */
export function patched(source: string, { file, search, replacement }: Patch): string {
  const found = source.split(search).length - 1;
  if (found !== 1) {
    throw new Error(
      `A text of server/src/${file} that bench/parts/left-out.ts replaces occurs ${found} times instead of once: ${search}`,
    );
  }
  return source.replace(search, () => replacement);
}

/**
 * Returns a side on a copy of the program. Without `leftOut` it is the whole. Rejects when a text to replace is not there exactly once. Each
 * part can be loaded once in a process.
 */
export async function loadSide(leftOut: LeftOut | undefined): Promise<AppliedSide> {
  const copy = leftOut?.name ?? "whole";
  const suffix = `?${COPY}=${copy}`;
  const patches = new Set(leftOut?.patches);
  const hooks = registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context);
      const isCopied = context.parentURL?.endsWith(suffix) === true && isOurs(resolved.url);
      return isCopied ? { ...resolved, url: resolved.url + suffix } : resolved;
    },
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.startsWith(SOURCES) || !url.endsWith(suffix)) return loaded;
      const file = url.slice(SOURCES.length, -suffix.length);
      let source = String(loaded.source);
      for (const patch of patches) {
        if (patch.file !== file) continue;
        source = patched(source, patch);
        patches.delete(patch);
      }
      return { ...loaded, source };
    },
  });
  try {
    const copied = (await import(`../support/applied-side.ts${suffix}`)) as typeof import("../support/applied-side.ts");
    for (const { file } of patches) throw new Error(`server/src/${file} is not loaded, so nothing of it is left out`);
    return new copied.AppliedSide();
  } finally {
    hooks.deregister();
  }
}

function isOurs(url: string): boolean {
  return url.startsWith("file:") && !fileURLToPath(url.split("?", 1)[0]!).includes("/node_modules/");
}
