/** Writes the documents that programs read and that are made from the contract. A test compares them with the files. `npm run docs` */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { PROTO_FILE } from "@swapstats/protocol/proto/contract.ts";
import { protoText } from "@swapstats/protocol/proto/proto-text.ts";
import { postmanCollection, postmanEnvironments } from "./postman.ts";

/** Folder of the documents. It is also the root of the imports of `.proto` files. */
export const CONTRACT_FOLDER = resolve(import.meta.dirname, "../docs/api");

/** Returns the text of each document by its path in the folder. */
export function contractDocuments(): ReadonlyMap<string, string> {
  const jsonText = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`;
  const environments = [...postmanEnvironments()].map(
    ([name, environment]) => [`postman/${name}.postman_environment.json`, jsonText(environment)] as const,
  );
  return new Map([
    [PROTO_FILE, protoText()],
    ["postman/swapstats.postman_collection.json", jsonText(postmanCollection())],
    ...environments,
  ]);
}

if (import.meta.main) {
  for (const [path, text] of contractDocuments()) {
    const file = resolve(CONTRACT_FOLDER, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
