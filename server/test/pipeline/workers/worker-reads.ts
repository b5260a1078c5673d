import type { Json } from "@swapstats/protocol/json.ts";
import type { TokenPart } from "../../../src/bus/responses.ts";
import { finished } from "../../../src/pipeline/thread-share.ts";
import type { ServedToken } from "../../model/naive-screener.ts";
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

/** Every token that is not retired, as it is served. */
export function servedTokens(host: FedWorker): ServedToken[] {
  const { engine } = host;
  const asOf = host.clock.now();
  const tokens = [...engine.tokens()].filter((token) => !engine.isRetired(token, asOf));
  const windows = engine.config.windows.map((window) => window.name);
  const request = { kind: "tokens", selection: { windows, fields: [] }, at: undefined } as const;
  const { items } = finished(host.queries.tokens({ ...request, tokens: tokens.map((token) => engine.info(token).id) }));
  return items.map(({ found }, i) => {
    const token = tokens[i] as number;
    return { ...JSON.parse(`{${found?.body}}`), first_seen: engine.firstSeenMs(token) } as ServedToken;
  });
}
