/** Compares what the page holds with what HTTP answers, at the same revision. */
import type { Client, LiveStore, TokenData, TokenStats } from "@swapstats/client";

export type HttpCheck =
  | { readonly kind: "same"; readonly rev: number; readonly figures: number; readonly atMs: number }
  | { readonly kind: "differs"; readonly rev: number; readonly path: string }
  /** The token changes so fast that no answer had a revision that the page saw. */
  | { readonly kind: "moved" }
  | { readonly kind: "failed"; readonly message: string };

type Held = { readonly epoch: string; readonly rev: number; readonly data: TokenData };

const ATTEMPTS = 12;
/** Time within which an update that HTTP already has arrives here. */
const ARRIVAL_MS = 1_500;

/** Members of an answer that the message of a channel has, or that follow from it. */
const BESIDE: ReadonlySet<string> = new Set([
  ...["as_of", "watermark", "epoch", "rev", "lag_ms", "stale", "chosen"],
  ...["open_time", "close_time"],
]);

/** Asks for the token's figures until an answer has a revision that the page holds, and compares the two. */
export async function checkOverHttp(
  client: Client,
  store: LiveStore<TokenData>,
  signal: AbortSignal,
): Promise<HttpCheck> {
  const held: Held[] = [];
  const end = store.subscribe((data) => {
    if (data !== undefined && store.meta !== undefined) held.push({ ...store.meta, data });
  });
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const answer = await client.http.tokenStats(store.current!.id, {}, { signal });
      const same = await heldAt(held, answer, signal);
      if (same !== undefined) return resultOf(answer, same.data);
    }
    return { kind: "moved" };
  } catch (error) {
    return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
  } finally {
    end();
  }
}

/** Returns what the page held at the revision of the answer, or undefined if the page went from an older to a newer one. */
async function heldAt(
  held: readonly Held[],
  { epoch, rev }: TokenStats,
  signal: AbortSignal,
): Promise<Held | undefined> {
  for (let waited = 0; waited < ARRIVAL_MS; waited += 50) {
    const found = held.find((item) => item.epoch === epoch && item.rev === rev);
    const last = held.at(-1);
    if (found !== undefined || signal.aborted || (last?.epoch === epoch && last.rev > rev)) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return undefined;
}

function resultOf(answer: TokenStats, data: TokenData): HttpCheck {
  const path = differenceIn(answer, data);
  const figures = Object.values(data.windows).reduce((sum, window) => sum + Object.keys(window).length, 0);
  if (path !== undefined) return { kind: "differs", rev: answer.rev, path };
  return { kind: "same", rev: answer.rev, figures, atMs: answer.as_of };
}

/** Returns the path of the first difference, such as `windows.5m.trades`, or undefined if there is none. */
export function differenceIn(answer: unknown, held: unknown, path = ""): string | undefined {
  if (!isObject(answer) || !isObject(held)) return Object.is(answer, held) ? undefined : path;
  for (const name of new Set([...Object.keys(answer), ...Object.keys(held)])) {
    if (BESIDE.has(name)) continue;
    const found = differenceIn(answer[name], held[name], path === "" ? name : `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
