/**
 * Loaded before the program (`--import`, therefore also in its threads). Turns it into the next version, whose checkpoints have the next
 * format and which also reads those of this version. NEXT_VERSION_OF names the new format: the manifest's (`manifest`), the image's of the
 * engine (`image`), or the manifest's in a version that can read it and does not write it yet (`reads`).
 */
import { registerHooks } from "node:module";

type Change = { readonly file: RegExp; readonly from: string; readonly to: string };

const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  manifest: [
    { file: /\/pipeline\/checkpoint\/manifest\.ts$/, from: "MANIFEST_FORMAT = 2;", to: "MANIFEST_FORMAT = 3;" },
    {
      file: /\/pipeline\/checkpoint\/manifest\.ts$/,
      from: "? MANIFEST_FORMAT : FORMAT_WITHOUT_LOG",
      to: "? MANIFEST_FORMAT : MANIFEST_FORMAT",
    },
  ],
  reads: [
    {
      file: /\/pipeline\/checkpoint\/manifest\.ts$/,
      from: "manifest.format > MANIFEST_FORMAT",
      to: "manifest.format > 3",
    },
  ],
  image: [
    { file: /\/engine\/snapshot\.ts$/, from: "IMAGE_FORMAT = 5;", to: "IMAGE_FORMAT = 6;" },
    { file: /\/engine\/snapshot\.ts$/, from: "header.format !== IMAGE_FORMAT", to: "![5, 6].includes(header.format)" },
  ],
};

const changes = CHANGES[process.env.NEXT_VERSION_OF ?? ""] ?? [];

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    const wanted = changes.filter(({ file }) => file.test(url));
    if (wanted.length === 0) return loaded;
    let source = String(loaded.source);
    for (const { from, to } of wanted) {
      if (!source.includes(from)) throw new Error(`${url} has no "${from}"`);
      source = source.replace(from, to);
    }
    return { ...loaded, source };
  },
});
