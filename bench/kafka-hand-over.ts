/**
 * How long tokens are stale when their owner stops: by SIGTERM, and by kill -9. Two instances of the real program share four partitions
 * under 1,000 swaps a second. The surviving instance is asked for tokens of the moving partitions until each response is fresh again. Its
 * earlier restores were of empty states, or of the same partitions.
 */
import { setTimeout as pause } from "node:timers/promises";
import { partitionOfTokenId } from "../server/src/shared/token-partition.ts";
import { firstTokens, SwapFeed } from "./kafka/feed.ts";
import { Instance, isShared, ownedBy, type SeenPartition } from "./kafka/instance.ts";
import { PARTITIONS, recordsOf, type Site, withSite } from "./kafka/site.ts";
import { report } from "./report.ts";
import { median } from "./support/workload.ts";

const RECORDS = recordsOf(1_000_000);
const ROUNDS = 3;
const SWAPS_PER_SECOND = 1_000;
/** The program's own default. */
const SESSION_SECONDS = 10;
/** Each partition has its own thread, so that restores do not wait for each other. */
const SETTINGS = { "app.workers": String(PARTITIONS), "ingest.session_timeout": `${SESSION_SECONDS}s` };
const HAND_OVER_GOAL_SECONDS = 1;
const FAILOVER_GOAL_SECONDS = 2;
/** Tokens of each partition that are requested repeatedly, and at once in the end. */
const TOKENS_ASKED = 8;
const TOKENS_CHECKED = 100;
const FIRST_SWAPS = 20_000;
const POLL_MS = 10;
/** Time between two disturbances, for some swaps and a checkpoint or two. */
const CALM_MS = 6_000;

type Taken = {
  /** From the signal until everything is fresh. */
  readonly seconds: number;
  /** The longest restore of those partitions, which are restored in parallel. */
  readonly restoreSeconds: number;
  /** Size of the restored checkpoints. */
  readonly bytes: number;
};

class Changes {
  readonly #site: Site;
  readonly #survivor: Instance;
  readonly #tokens: readonly string[];
  #leaver: Instance | undefined;

  private constructor(site: Site, survivor: Instance, tokens: readonly string[]) {
    this.#site = site;
    this.#survivor = survivor;
    this.#tokens = tokens;
  }

  static async begin(site: Site, tokens: readonly string[]): Promise<Changes> {
    const survivor = await Instance.start(site, "survivor", SETTINGS);
    try {
      await survivor.until("owns all", (seen) => isShared(seen, { survivor: PARTITIONS }));
      return new Changes(site, survivor, tokens);
    } catch (error) {
      await survivor.process.kill("SIGKILL");
      throw error;
    }
  }

  /** Resolves when the other instance has joined and has half of the partitions. */
  async join(): Promise<void> {
    this.#leaver = await Instance.start(this.#site, "leaver", SETTINGS);
    const half = PARTITIONS / 2;
    await this.#survivor.until("shares", (seen) => isShared(seen, { survivor: half, leaver: half }));
  }

  async caughtUp(): Promise<void> {
    // Some are always in flight.
    await this.#survivor.until("is up to date", (seen) => seen.every(({ lag }) => lag < SWAPS_PER_SECOND / 2));
    await pause(CALM_MS);
  }

  async leave(signal: "SIGTERM" | "SIGKILL"): Promise<Taken> {
    const leaver = this.#leaver!;
    const moved = ownedBy((await this.#survivor.partitions())!, leaver.name);
    const ids = this.#tokensOf(moved, TOKENS_ASKED);
    await this.#untilFresh(ids);
    const startedMs = performance.now();
    const exited = leaver.process.kill(signal);
    // The old owner responds until it releases them, so the epoch decides: it must be later than before.
    await this.#survivor.until("takes over", (seen) => moved.every((before) => isTakenOver(before, seen)));
    await this.#untilFresh(ids);
    const seconds = (performance.now() - startedMs) / 1000;
    await this.#untilFresh(this.#tokensOf(moved, TOKENS_CHECKED));
    const bytes = moved.reduce((sum, { checkpoint }) => sum + (checkpoint?.bytes ?? 0), 0);
    const restoreSeconds = await this.#survivor.metric("swapstats_restore_duration_seconds");
    await exited;
    return { seconds, restoreSeconds, bytes };
  }

  async end(): Promise<void> {
    await Promise.all([this.#leaver?.process.kill("SIGKILL"), this.#survivor.process.kill("SIGKILL")]);
  }

  #tokensOf(partitions: readonly SeenPartition[], count: number): string[] {
    return partitions.flatMap(({ partition }) =>
      this.#tokens.filter((id) => partitionOfTokenId(id, PARTITIONS) === partition).slice(0, count),
    );
  }

  async #untilFresh(ids: readonly string[]): Promise<void> {
    for (;;) {
      const items = await this.#survivor.tokens(ids);
      if (items?.every((item) => item.stale === undefined && item.error === undefined)) return;
      await pause(POLL_MS);
    }
  }
}

function isTakenOver(before: SeenPartition, seen: readonly SeenPartition[]): boolean {
  const now = seen.find(({ partition }) => partition === before.partition);
  return now !== undefined && now.state === "running" && Number(now.epoch) > Number(before.epoch);
}

function tell(what: string, goal: number, waitSeconds: number, taken: readonly Taken[]): void {
  const beyond = (one: Taken): number => one.seconds - waitSeconds - one.restoreSeconds;
  const middle = median(taken.map(beyond));
  const typical = taken.find((one) => beyond(one) === middle)!;
  const wait = waitSeconds === 0 ? "" : ` beyond the session timeout of ${waitSeconds} s`;
  const all = taken.map(({ seconds }) => seconds.toFixed(2)).join(", ");
  report({
    what,
    goal: `at most ${goal} s plus the restore${wait}`,
    figure: `${Math.max(0, middle).toFixed(2)} s plus ${typical.restoreSeconds.toFixed(2)} s of restore${wait}, ${(typical.bytes / 1e6).toFixed(0)} MB`,
    met: middle <= goal,
    note: `Median of ${taken.length}. From the signal to fresh responses it took ${all} s. Two of four partitions change hands under ${SWAPS_PER_SECOND} swaps/s. The size is that of their checkpoints in Redis. The two restores run side by side and apply the redo behind the image; the longer one counts.`,
  });
}

await withSite(async (site) => {
  const options = { startMs: Date.now() - RECORDS };
  const feed = await SwapFeed.open(site.target, options);
  const changes = await Changes.begin(site, firstTokens(FIRST_SWAPS, options));
  const ending = new AbortController();
  let pacing: Promise<void> = Promise.resolve();
  try {
    await changes.join();
    await feed.fill(RECORDS);
    pacing = feed.pace(SWAPS_PER_SECOND, ending.signal);
    // Reported where it is awaited.
    pacing.catch(() => {});
    const taken: Record<"SIGTERM" | "SIGKILL", Taken[]> = { SIGTERM: [], SIGKILL: [] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        if (round > 0 || signal === "SIGKILL") await changes.join();
        await changes.caughtUp();
        taken[signal].push(await changes.leave(signal));
      }
    }
    tell(
      "graceful hand-over, from SIGTERM until every token is fresh again at the surviving instance",
      HAND_OVER_GOAL_SECONDS,
      0,
      taken.SIGTERM,
    );
    tell("failover after kill -9", FAILOVER_GOAL_SECONDS, SESSION_SECONDS, taken.SIGKILL);
  } finally {
    ending.abort();
    await pacing.catch(() => {});
    await changes.end();
    await feed.close();
  }
});
