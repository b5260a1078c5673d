/** The peers of bench/peers hold the same figures as the engine, on logs with copies, removals, re-inclusions and late swaps. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Answer, compareAnswers, type Job, ownAnswer } from "../../bench/peers/figures.ts";
import { buildGo, GO_MODULE } from "../../bench/peers/programs.ts";
import { runSide } from "../../bench/peers/side-process.ts";
import { BENCH_SEED, type Chunk, engineConfig, Workload } from "../../bench/support/workload.ts";
import { PartitionEngine } from "../../server/src/engine/partition-engine.ts";
import { EventApplier } from "../../server/src/pipeline/event-applier.ts";
import { requires } from "../../server/test/support/requires.ts";

const RECORDS = 20_000;
const DISTURBED = { tokens: 100, traders: 500, duplicates: 0.1, removed: 0.1, late: 0.05 };
/** Every record arrives in time. */
const ARRIVAL_MS = Number.MAX_SAFE_INTEGER;

function ownFigures({ bytes, starts, ends }: Chunk): Answer {
  const engine = new PartitionEngine(engineConfig(), BENCH_SEED);
  const applier = new EventApplier(engine, () => {});
  for (let i = 0; i < RECORDS; i++) applier.apply(bytes, starts[i]!, ends[i]!, ARRIVAL_MS, i, 0);
  const ids = [...engine.tokens()].map((ref) => engine.info(ref).id);
  return ownAnswer([engine], { ids });
}

requires("the peer in Go", { programs: ["go"] }, () => {
  const folder = mkdtempSync(join(tmpdir(), "swapstats-peers-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const built = buildGo();
  if ("missing" in built) throw new Error(built.missing);
  const { program, go } = built;

  async function check(job: Job, ratePerSecond: number, options: object, args: readonly string[] = []): Promise<void> {
    const chunk = new Workload({ ...options, ratePerSecond }).chunk(RECORDS);
    const file = join(folder, `${job}-${ratePerSecond}.ndjson`);
    writeFileSync(file, chunk.bytes);
    const ours = ownFigures(chunk);
    const query = { as_of: ours.as_of!, ids: Object.keys(ours.figures) };
    const command = { program, args: ["-job", job, "-file", file, ...args] };
    const { compared, differences } = compareAnswers(job, ours, (await runSide(command, query)).answer);
    assert.deepEqual(differences.slice(0, 20), []);
    assert.ok(compared > RECORDS / 20);
  }

  test("a log of some minutes gives the figures of the engine", () => check("whole", 100, DISTURBED));
  test("a log of an hour, with swaps that settle and ids that are forgotten", () =>
    check("whole", 5, DISTURBED, ["-remember", "31m"]));
  test("a log of a day and a half, with figures that leave the longest window", () => check("whole", 0.15, DISTURBED));
  test("its own tests pass", () => {
    const { status, stdout, stderr } = spawnSync(go, ["-C", GO_MODULE, "test", "./..."], { encoding: "utf8" });
    assert.equal(status, 0, stdout + stderr);
  });
  test("the small job gives its figures within the rounding of floats", () =>
    check("small", 1, { tokens: 300, duplicates: 0.05 }));
});
