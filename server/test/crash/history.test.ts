import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { runHistoryCrashes } from "./history-run.ts";
import { embeddedSite, type HistorySite, postgresSite, smallDiskSite } from "./history-sites.ts";

const KILLS = 8;
const AWAY_KILLS = 6;

test("killed with SIGKILL at random moments, the service writes every row to the history exactly once", async (t) => {
  const dataDir = tempDir(t, "crash-history");
  const seed = seedOf(t);
  const site = embeddedSite(dataDir);
  const onKill = (): void => {};
  const report = await runHistoryCrashes({
    ...{ dataDir, seed, site, onKill },
    kills: KILLS,
    compareEvery: 3,
    compactions: 0.2,
    longLifeEvery: 5,
  });
  t.diagnostic(JSON.stringify(report));
  assert.ok(report.rows > 1_000, "too few swaps have settled to show anything");
});

/** Kills while the store goes away and comes back. Closes the site. */
async function awayRun(t: TestContext, dataDir: string, site: HistorySite): Promise<void> {
  const seed = seedOf(t);
  try {
    const report = await runHistoryCrashes({
      ...{ dataDir, seed, site, onKill: () => {} },
      kills: AWAY_KILLS,
      compareEvery: 3,
      away: 1,
    });
    t.diagnostic(JSON.stringify(report));
    assert.ok(report.killsWhileAway > 0);
    assert.ok(report.rows > 300, "too few swaps have settled to show anything");
  } finally {
    await site.close();
  }
}

requires("the history on a full disk", { mount: true }, () => {
  test("the same holds when the disk of the history is full now and then", async (t) => {
    const dataDir = tempDir(t, "crash-history-disk");
    await awayRun(t, dataDir, smallDiskSite(dataDir));
  });
});

requires("the history on a server that is killed", { servers: ["postgres"] }, () => {
  test("the same holds when the server of the history is killed now and then", async (t) => {
    await awayRun(t, tempDir(t, "crash-history-server"), await postgresSite(tempDir(t, "postgres")));
  });
});
