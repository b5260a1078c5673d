import type { Json } from "@swapstats/protocol/merge-patch.ts";
import type { TokenPart } from "../../../src/bus/responses.ts";
import { finished } from "../../../src/pipeline/thread-share.ts";
import { randomFrom } from "../../support/seed.ts";
import { FedWorker, randomSwap, type SwapInput } from "./fed-worker.ts";

export const WINDOWS = ["1m", "5m", "24h"];
export const SELECTION = { windows: WINDOWS, fields: [] };

export function ask(host: FedWorker, ...tokens: string[]): readonly TokenPart[] {
  return finished(host.queries.tokens({ kind: "tokens", tokens, selection: SELECTION, at: undefined })).items;
}

/** The served figures without what moves by itself. */
export function figuresOf(answer: TokenPart | undefined): Json {
  const data = JSON.parse(`{${answer?.found?.body}}`) as { windows: Record<string, Record<string, Json>> };
  for (const window of Object.values(data.windows)) {
    delete window.open_time;
    delete window.close_time;
  }
  return data as unknown as Json;
}

/** Moves time and feeds swaps at random, and calls `check` after each step. */
export function runAtRandom(
  seed: number,
  steps: number,
  check: (host: FedWorker, step: number) => void,
  host = new FedWorker(),
): FedWorker {
  const random = randomFrom(seed);
  const earlier: SwapInput[] = [];
  for (let step = 0; step < steps; step++) {
    host.nowMs += random.pick([0, 90, 400, 1_000, 5_000, 61_000, step % 50 === 49 ? 6 * 3_600_000 : 0]);
    const count = random.below(6);
    const swaps = Array.from({ length: count }, () => randomSwap(random, host.nowMs, 30, earlier));
    if (swaps.length > 0) host.feed(...swaps);
    check(host, step);
  }
  return host;
}

/** Brings the looks at all tokens up to date. */
export function lookAtAll(host: FedWorker): void {
  while (!host.served.views.lookSome(host.clock.now(), { left: 1_000 }));
}
