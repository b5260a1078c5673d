/** Limits of rankings of the past: 500,000 tokens of a span, and as many sums of unsettled swaps. So many come from stand-ins of the store and the owners. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WholeHistory } from "../../../src/serving/history/whole-history.ts";
import { settledTokens, wholeTokens } from "../../../src/serving/history/whole-tokens.ts";

const MAX = 500_000;
const SPANS = [0, 1, 2, 3].map((i) => ({ fromMs: i * 60_000, toMs: (i + 1) * 60_000 }));

const tokensOf = (count: number) => Array.from({ length: count }, (_, i) => ({ chainId: 1, token: `0x${i}` }));

/** `stored` tokens in each span, and `unsettled` ones in two pages of an owner. */
function historyOf(stored: number, unsettled: number): WholeHistory {
  const held = tokensOf(stored).map((token) => ({ ...token, symbol: undefined }));
  const owned = tokensOf(unsettled).map((token) => ({ ...token, sums: SPANS.map(() => undefined), symbol: undefined }));
  const half = Math.ceil(unsettled / 2);
  const part = { partition: 0, owner: "a", edge: undefined, isWhole: true };
  return {
    reader: { tokens: async () => held },
    owned: async ({ pages }: { pages: readonly unknown[] }) => {
      const page = pages.length === 0 ? { tokens: owned.slice(0, half), next: 1 } : { tokens: owned.slice(half) };
      return { edges: [], parts: [{ ...part, page }] };
    },
  } as unknown as WholeHistory;
}

test("rankings compare 500,000 tokens of a span, and no more", async () => {
  const [table] = await settledTokens(historyOf(MAX, 0), SPANS.slice(0, 1));
  assert.equal(table!.size, MAX);
  const more = settledTokens(historyOf(MAX + 1, 0), SPANS.slice(0, 1));
  await assert.rejects(more, { code: "overloaded", message: /^More than 500000 tokens match/ });
});

test("rankings add 500,000 sums of swaps that have not settled, and no more", async () => {
  const most = MAX / SPANS.length;
  const { owned } = await wholeTokens(historyOf(1, most), SPANS, 240_000);
  assert.equal(owned.parts.length, 1);
  const more = wholeTokens(historyOf(1, most + 1), SPANS, 240_000);
  await assert.rejects(more, {
    code: "overloaded",
    message: /^More than 125000 tokens have swaps that have not settled/,
  });
});
