import { after, describe } from "node:test";
import { openEmbeddedHistory } from "../../../src/stores/history/embedded/open-embedded-history.ts";
import { tempDir } from "../../support/tmp.ts";
import { historyContract } from "./contract.ts";
import { embeddedSetup, readRawEvents } from "./embedded-support.ts";

describe("embedded", () => {
  const folder = tempDir({ after }, "history");
  historyContract(() => ({
    // Merged files go at once, so that queries meet the removal.
    open: (space) => openEmbeddedHistory(embeddedSetup(`${folder}/${space}`), Date.now, 0),
    rawRows: (space) => readRawEvents(`${folder}/${space}`),
  }));
});
