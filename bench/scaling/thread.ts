/** A thread that owns some partitions. It applies the first batches of each, says so, waits, applies the others, and reports. */
import { parentPort, workerData } from "node:worker_threads";
import type { RecordBatch } from "../../server/src/ports/source.ts";
import { AppliedSide } from "../support/applied-side.ts";

/** The batches of one partition: those before the measurement, and those of it. */
export type ThreadOrder = readonly {
  readonly before: readonly RecordBatch[];
  readonly measured: readonly RecordBatch[];
}[];
/** Times are in ms; those of begin and end since 1970. */
export type ThreadReport = {
  readonly records: number;
  readonly cpuMs: number;
  readonly beginMs: number;
  readonly endMs: number;
};

const owned = (workerData as ThreadOrder).map((batches) => ({ ...batches, side: new AppliedSide() }));

/** The partitions alternate, batch by batch, as they do in a fetch. Returns the thread's processor time in ms. */
function applyAll(kind: "before" | "measured"): number {
  const longest = Math.max(0, ...owned.map((one) => one[kind].length));
  let cpuMs = 0;
  for (let i = 0; i < longest; i++) {
    for (const one of owned) {
      const batch = one[kind][i];
      if (batch !== undefined) cpuMs += one.side.apply([batch]);
    }
  }
  return cpuMs;
}

const accepted = (): number => owned.reduce((sum, { side }) => sum + side.accepted, 0);
const nowMs = (): number => performance.timeOrigin + performance.now();

applyAll("before");
const before = accepted();
parentPort!.once("message", () => {
  const beginMs = nowMs();
  const cpuMs = applyAll("measured");
  const report: ThreadReport = { records: accepted() - before, cpuMs, beginMs, endMs: nowMs() };
  parentPort!.postMessage(report);
});
parentPort!.postMessage("ready");
