/**
 * A stand-in for the history of a service, in the page's own requests. A real history cannot easily be brought into these states: a page still loads,
 * there is a gap, the store does not answer, an audit finds a difference. Tests of values use a real history.
 */
import type { Page, Route } from "playwright-core";

/** Answers a request by its address, or undefined to leave it to the service. */
type Answer = (url: URL, route: Route) => unknown;

/** Answers calls whose path matches, with JSON. An answer with `problem` is a failure. */
export async function answerCalls(page: Page, path: RegExp, answer: Answer): Promise<void> {
  await page.route(
    (url) => path.test(url.pathname),
    async (route) => {
      const body = (await answer(new URL(route.request().url()), route)) as { problem?: object } | undefined;
      if (body === undefined) return route.fallback();
      const { problem } = body;
      if (problem === undefined) return route.fulfill({ json: body });
      return route.fulfill({ status: 503, ...(problem as object), contentType: "application/problem+json" });
    },
  );
}

/** A failure as the service writes it. */
export function problemOf(status: number, code: string, detail: string, members: object = {}): { problem: object } {
  return {
    problem: { status, body: JSON.stringify({ status, code, title: code, detail, type: `#${code}`, ...members }) },
  };
}

/** Candles of an interval before an instant, the newest `count`, with one trade each. The price rises with time. */
export function candlesBefore(
  toMs: number,
  intervalMs: number,
  count: number,
  members: (openTime: number) => object = () => ({}),
) {
  const last = Math.ceil(toMs / intervalMs) - 1;
  return Array.from({ length: count }, (_, i) => {
    const openTime = (last - count + 1 + i) * intervalMs;
    const base = 3_000 + 60 * Math.sin(openTime / intervalMs / 25) + 20 * Math.sin(openTime / intervalMs / 3);
    const open = base.toFixed(2);
    const close = (base + 9 * Math.sin(openTime / intervalMs)).toFixed(2);
    const [low, high] = [Number(open), Number(close)].sort((a, b) => a - b) as [number, number];
    return {
      ...{ open_time: openTime, open, close, high: (high + 4).toFixed(2), low: (low - 4).toFixed(2) },
      ...{ volume_usd: String(2_000 + Math.round(900 * Math.sin(openTime / intervalMs / 7))), volume_token: "0.7" },
      ...{ trades: 1, buys: 1, sells: 0, complete: true },
      ...members(openTime),
    };
  });
}
