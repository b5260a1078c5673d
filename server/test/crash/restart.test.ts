/** Stops and starts of the real program: clean ones, refused ones, and from damaged checkpoints. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../../scripts/servers/ports.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { GENERATOR_DEFAULTS } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { CRASH_SETTINGS } from "./crash-run.ts";
import { ServiceProcess } from "./service-process.ts";
import { embeddedLog, Shadow } from "./shadow.ts";

class Site {
  readonly dataDir: string;
  readonly shadow: Shadow;
  readonly seed: number;
  readonly #running: ServiceProcess[] = [];
  readonly #generator: SwapGenerator;

  constructor(t: TestContext) {
    t.after(async () => {
      for (const service of this.#running) await service.kill("SIGKILL");
    });
    this.dataDir = tempDir(t, "restart");
    this.seed = seedOf(t);
    this.shadow = new Shadow(embeddedLog(this.dataDir), toEngineConfig(loadConfig({ env: CRASH_SETTINGS }).config));
    const options = { ...GENERATOR_DEFAULTS, ratePerSecond: 10, tokens: 40, removed: 0.02, seed: this.seed };
    this.#generator = new SwapGenerator({ ...options, startMs: Date.now() - 3_600_000 });
  }

  async start(settings: Readonly<Record<string, string>> = CRASH_SETTINGS): Promise<ServiceProcess> {
    const service = new ServiceProcess(await freePort(), this.dataDir, settings);
    this.#running.push(service);
    return service;
  }

  swaps(count: number): string {
    const bytes = Buffer.alloc(count * RECORD_BYTES_MAX);
    let end = 0;
    for (let i = 0; i < count; i++) end = this.#generator.write(bytes, end);
    return bytes.toString("utf8", 0, end);
  }

  /** Files of partition 0's checkpoint whose name matches. */
  checkpointFiles(form: RegExp): string[] {
    const folder = join(this.dataDir, "checkpoints", "p0");
    const names = readdirSync(folder).filter((name) => form.test(name));
    return names.sort().map((name) => join(folder, name));
  }

  /** Flips one bit somewhere in each file. */
  damage(files: readonly string[]): void {
    const random = randomFrom(this.seed);
    for (const file of files) {
      const bytes = readFileSync(file);
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      writeFileSync(file, bytes);
    }
  }
}

/** Sends until the service breaks off. Returns how many swaps were acknowledged. */
async function sendUntilRefused(site: Site, service: ServiceProcess): Promise<number> {
  let acknowledged = 0;
  for (;;) {
    const sent = await service.post(site.swaps(20)).catch(() => undefined);
    if (sent === undefined) return acknowledged;
    acknowledged += sent;
  }
}

/** A killed service with a checkpoint of a few hundred swaps and a second base. */
async function killedWithCheckpoint(site: Site): Promise<number> {
  for (let run = 0; run < 2; run++) {
    const service = await site.start();
    await service.caughtUp();
    for (let i = 0; i < 10; i++) await service.post(site.swaps(30));
    const { partitions } = await service.caughtUp();
    const end = partitions[0]?.end_offset ?? 0;
    while (((await service.status()).partitions[0]?.checkpoint?.offset ?? 0) < end) await pause(20);
    await service.kill("SIGKILL");
  }
  return 600;
}

describe("clean stops of the program", () => {
  test("on SIGTERM under load every acknowledged swap is applied and saved, and the exit code is 0", async (t) => {
    const site = new Site(t);
    const service = await site.start();
    await service.caughtUp();
    const sending = sendUntilRefused(site, service);
    await pause(300);
    const { code } = await service.kill("SIGTERM");
    const acknowledged = await sending;
    assert.equal(code, 0, service.log);
    assert.ok(acknowledged > 0);

    const next = await site.start();
    const status = await next.caughtUp();
    const [partition] = status.partitions;
    assert.ok((partition?.end_offset ?? 0) >= acknowledged);
    assert.equal(partition?.checkpoint?.offset, partition?.end_offset, "the last checkpoint holds all of the log");
    await site.shadow.compare({ url: next.url }, status);
  });

  test("a second instance on the same data folder is refused, and the first continues", async (t) => {
    const site = new Site(t);
    const first = await site.start();
    await first.caughtUp();
    const second = await site.start();
    const { code } = await second.exited;
    assert.equal(code, 1);
    assert.match(second.log, /data folder .* is in use by process \d+/);
    await first.post(site.swaps(5));
    await site.shadow.compare({ url: first.url }, await first.caughtUp());
  });
});

describe("damaged checkpoints", () => {
  const cases: readonly [string, RegExp, (files: string[]) => string[]][] = [
    ["the current manifest", /^manifest-/, (files) => files.slice(-1)],
    ["the newest part", /\.part$/, (files) => files.slice(-1)],
    ["both manifests", /^manifest-/, (files) => files],
    ["every part", /\.part$/, (files) => files],
  ];
  for (const [name, form, chosen] of cases) {
    test(`${name}: what is sound serves, the log does the rest, and status says so`, async (t) => {
      const site = new Site(t);
      const applied = await killedWithCheckpoint(site);
      site.damage(chosen(site.checkpointFiles(form)));
      const service = await site.start();
      const status = await service.caughtUp();
      assert.equal(status.counters.accepted, applied);
      assert.match(status.partitions[0]?.problems.join(" ") ?? "", /damaged/);
      await site.shadow.follow();
      assert.deepEqual(status.counters, site.shadow.engine.counters);
      assert.ok((await site.shadow.compareFigures({ url: service.url })) > 10);
      await service.kill("SIGTERM");

      const healed = await site.start();
      await site.shadow.compare({ url: healed.url }, await healed.caughtUp());
    });
  }
});
