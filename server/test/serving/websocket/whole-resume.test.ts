/**
 * Clients of the whole program that lose their connections, pause, and change their channels. What each of them holds at a revision equals what HTTP,
 * and a client that is never disturbed, have at that revision: through late swaps, removals, re-inclusions, and windows that decay.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodingProtocols } from "@swapstats/protocol/websocket.ts";
import { TestApps } from "../../support/app-harness.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { within } from "../../support/within.ts";
import { TestClient } from "./support/client.ts";
import { Revisions, TOKENS, tokenOverHttp, WINDOWS, watch } from "./support/revisions.ts";
import { SwapMaker } from "./support/swap-maker.ts";
import { ASKED, isScreener, Wanderer } from "./support/wanderer.ts";

const ROUNDS = 40;
test("clients that are cut off, resume, pause and change their channels hold the data of their revision, in every encoding", async (t) => {
  const random = randomFrom(seedOf(t));
  const app = await new TestApps(t).start({
    "windows.list": WINDOWS,
    "app.workers": "2",
    "ingest.embedded.partitions": "4",
  });
  const url = `${app.base.replace("http", "ws")}/ws`;
  const maker = new SwapMaker(TOKENS, random);
  await app.post(TOKENS.map((id) => maker.swap(id, 5_000)));
  await app.caughtUp();
  const revisions = new Revisions();
  const wanderers = await Promise.all(
    encodingProtocols.map((protocol) => Wanderer.start(() => url, protocol, revisions)),
  );
  t.after(() => {
    for (const one of wanderers) one.close();
  });
  const calm = new TestClient(url);
  t.after(() => calm.ws.terminate());
  watch(calm, revisions, "calm");
  const gone = calm.closed.then(({ code, reason }): never => assert.fail(`calm was closed: ${code} ${reason}`));
  gone.catch(() => {});
  const calmly = <T>(wait: Promise<T>, what: string): Promise<T> =>
    within(Promise.race([wait, gone]), () => `calm, no ${what}: ${calm.standing}`);
  await new Promise((resolve) => calm.ws.on("open", resolve));
  calm.send({ subscribe: ASKED });
  const isLast = ({ channel }: { readonly channel: string }): boolean => isScreener(channel);
  await calmly(calm.next("snapshot", isLast), "snapshot of the screener");
  // Of a ranking over several workers, HTTP and the channel may reach the same sum of revisions by different swaps.
  const askTokens = async (): Promise<void> => {
    for (const id of TOKENS) await tokenOverHttp(app, id, revisions);
  };
  for (let round = 0; round < ROUNDS; round++) {
    await app.post(maker.batch(1 + random.below(12)));
    await askTokens();
    await Promise.all(wanderers.map((one) => one.act(random)));
    if (random.chance(0.5)) await calmly(calm.next("patch"), "patch");
  }
  await Promise.all(wanderers.map((one) => one.settle()));
  await app.post(TOKENS.map((id) => maker.swap(id, 0)));
  await app.caughtUp();
  await askTokens();
  const ends = await Promise.all(
    [...calm.held.keys()].map(async (channel) => [channel, await calm.atRev(channel, 0)] as const),
  );
  for (const one of wanderers) {
    for (const [channel, { rev }] of ends)
      await within(
        one.client.atRev(channel, rev),
        () => `${one.protocol}, no ${channel} at ${rev}: ${one.client.standing}`,
      );
    one.close();
    assert.deepEqual(one.faults, []);
    assert.ok(
      (revisions.compared.get(one.protocol) ?? 0) > 5,
      `${one.protocol}: ${revisions.compared.get(one.protocol)}`,
    );
  }
  const recovered = wanderers.reduce((sum, { counts }) => sum + counts.recovered, 0);
  const cuts = wanderers.reduce((sum, { counts }) => sum + counts.cuts, 0);
  t.diagnostic(`${cuts} cuts: ${JSON.stringify(wanderers.map(({ counts }) => counts))}`);
  assert.ok(recovered > cuts, `${recovered} channels continued after ${cuts} cuts`);
});
