/** A folder that an earlier version of the service made. */
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openEmbeddedHistory } from "../../../src/stores/history/embedded/open-embedded-history.ts";
import { tempDir } from "../../support/tmp.ts";
import { embeddedSetup } from "./embedded-support.ts";
import { compareFirstVersion } from "./first-version.ts";

const FIRST_VERSION = join(import.meta.dirname, "../../fixtures/history-schema-1");

test("an embedded history of schema version 1 answers as before, and goes on", async (t) => {
  const dataDir = tempDir(t, "history");
  const folder = join(dataDir, "history");
  mkdirSync(folder);
  cpSync(join(FIRST_VERSION, "embedded"), folder, { recursive: true });
  const catalog = new DatabaseSync(join(folder, "catalog.sqlite"));
  catalog.exec(readFileSync(join(FIRST_VERSION, "embedded-catalog.sql"), "utf8"));
  catalog.close();
  const store = await openEmbeddedHistory(embeddedSetup(dataDir), Date.now, 0);
  t.after(() => store.close());
  await compareFirstVersion(t, store, /^Brought the history in .* to version 2\.$/);
});
