/** Gives the settled swaps of a history to a replay, as lines of NDJSON. */
import type { HistoryReader } from "../../ports/history-store.ts";
import { tokenOf } from "./export.ts";
import { jsonLine } from "./swap-text.ts";

type Part = {
  readonly span: { readonly fromMs: number | undefined; readonly toMs: number | undefined };
  /** Id, address or symbol of the only token. Undefined: all. */
  readonly only: string | undefined;
};
type Lines = { readonly file: number; readonly bytes: Buffer };

/** Yields whole lines in order of time. Rejects like the store, and with `not_found` or `usage` for the name of a token. */
export async function* batchesOf(
  store: HistoryReader,
  { span, only }: Part,
  signal: AbortSignal,
): AsyncGenerator<Lines> {
  const token = only === undefined ? undefined : await tokenOf(store, only);
  const whole = { fromMs: span.fromMs ?? 0, toMs: span.toMs ?? Number.MAX_SAFE_INTEGER };
  for await (const rows of store.rows(whole, token, [], signal)) {
    yield { file: 0, bytes: Buffer.from(rows.map(jsonLine).join("")) };
  }
}
