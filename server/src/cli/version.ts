import { readFileSync } from "node:fs";

/** Version of the package and of the service. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }
).version;
