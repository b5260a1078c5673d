import assert from "node:assert/strict";
import { test } from "node:test";
import type { Audit } from "@swapstats/protocol/schemas/history.ts";
import fc from "fast-check";
import { hostileLogs } from "../../model/arbitraries.ts";
import { propertyOptions, randomFrom } from "../../support/seed.ts";
import { PastService } from "./past-service.ts";

const HOUR_MS = 3_600_000;
const WINDOWS = ["90s", "2h", "7d"];

const audited = async (service: PastService, id: string, window: string, at?: number): Promise<Audit> =>
  JSON.parse(
    await service.past.audit(id, window, at === undefined ? undefined : { at, place: "query" }, undefined),
  ) as Audit;

test("live figures and those of the past have no difference, wherever their swaps are, while rows become durable", async (t) => {
  const scripts = fc.tuple(hostileLogs(300), fc.nat());
  let rows = 0;
  await fc.assert(
    fc.asyncProperty(scripts, async ([log, seed]) => {
      const random = randomFrom(seed);
      const service = new PastService(log, random);
      for (let isMore = true; isMore; ) {
        isMore = service.step(1 + random.below(40));
        if (random.chance(0.6)) await service.flush();
        const ids = [...service.pair.model.known.keys()];
        if (ids.length === 0) continue;
        const id = random.pick(ids);
        const live = random.pick(service.past.windows.of([], "query")).name;
        const at = service.nowMs - random.pick([0, random.below(120_000), random.below(30 * HOUR_MS)]);
        for (const audit of [
          await audited(service, id, live),
          await audited(service, id, live, at),
          await audited(service, id, random.pick(WINDOWS), at),
          await audited(service, id, random.pick(WINDOWS)),
        ]) {
          assert.deepEqual(audit.differences, [], `${id} ${audit.window} at ${audit.as_of}`);
          rows += audit.rows;
        }
      }
    }),
    { ...propertyOptions(t, 40), endOnFailure: true },
  );
  assert.ok(rows > 200, `${rows} swaps were added up`);
});

test("sums that differ from the rows are told, and a token without a swap is unknown", async () => {
  let told = 0;
  for (const [seed, log] of fc.sample(hostileLogs(300), { numRuns: 20, seed: 7 }).entries()) {
    const service = new PastService(log, randomFrom(seed));
    while (service.step(50)) {}
    await service.flushAll();
    const sums = service.store.sums.bind(service.store);
    service.store.sums = async (...given) =>
      (await sums(...given)).map((one) => ({ ...one, usdBuyMicro: one.usdBuyMicro + 1n }));
    for (const id of service.pair.model.known.keys()) {
      const { differences } = await audited(service, id, "7d", service.nowMs);
      if (differences.some(({ field }) => field === "buy_volume_usd")) told += 1;
    }
    await assert.rejects(audited(service, "nothing", "7d"), { code: "unknown_token" });
    await assert.rejects(audited(service, "1:0xaa", "9x"), { code: "invalid_parameters" });
  }
  assert.ok(told > 0);
});
