/** The whole service of bench/http/service.ts. On the message `compact` it compacts its history at once, and reports when that is done. */
import { HistoryClient } from "../../server/src/history/history-client.ts";

export type CompactReport = { readonly type: "compacted"; readonly seconds: number; readonly done: readonly string[] };

let history: HistoryClient | undefined;
const { health } = HistoryClient.prototype;
/** Every status asks for it. */
HistoryClient.prototype.health = function (this: HistoryClient) {
  history = this;
  return health.call(this);
};
await import("../http/service.ts");
process.on("message", async (message) => {
  if (message !== "compact") return;
  const startedMs = performance.now();
  const done = await history!.compact(new AbortController().signal);
  const seconds = (performance.now() - startedMs) / 1_000;
  process.send?.({ type: "compacted", seconds, done } satisfies CompactReport);
});
