/**
 * From a Kafka topic to state in one thread, against loops with the same client that only count bytes, or only parse: records of about
 * 640 bytes in 4 partitions, all there beforehand. Each side is a process of its own; the sides take turns, and the medians count.
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTopic, type Kafka, startKafka } from "../scripts/servers/kafka.ts";
import { KafkaSink } from "../server/src/cli/kafka-sink.ts";
import { GENERATOR_DEFAULTS } from "../server/src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../server/src/generator/swap-generator.ts";
import type { SideName, SideOrder, SideReport } from "./kafka/side.ts";
import { report } from "./report.ts";
import { median } from "./support/workload.ts";

const PARTITIONS = 4;
const RECORDS = Number(process.env.SWAPSTATS_BENCH_RECORDS ?? 1_000_000);
const ROUNDS = 3;
const TOPIC = "bench-swaps";
const SIDES: readonly SideName[] = ["count", "parse", "read", "apply"];
const RATE_GOAL = 0.35;

async function fill(kafka: Kafka): Promise<void> {
  await createTopic(kafka, TOPIC, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
  const connection = { brokers: kafka.brokers, clientId: "bench", connectTimeoutMs: 5_000, requestTimeoutMs: 30_000 };
  const sink = await KafkaSink.open({ connection, topic: TOPIC, label: TOPIC });
  // The rate puts event times close together, so that arrivals, which are now, do not make them late.
  const generator = new SwapGenerator({ ...GENERATOR_DEFAULTS, startMs: Date.now() - 1_000_000, ratePerSecond: 1_000 });
  const record = new Uint8Array(RECORD_BYTES_MAX);
  while (generator.index < RECORDS) {
    const behind = sink.take(record, 0, generator.write(record, 0) - 1);
    if (behind !== undefined) await behind;
  }
  await sink.flush();
  await sink.close();
}

function run(order: SideOrder): Promise<SideReport> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, "kafka/side.ts"));
    child.once("message", (answer: SideReport) => resolve(answer));
    child.once("exit", () => reject(new Error(`the side ${order.side} ended without a report`)));
    child.send(order);
  });
}

async function measure(kafka: Kafka): Promise<Record<SideName, SideReport>> {
  const runs: Record<SideName, SideReport[]> = { count: [], parse: [], read: [], apply: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const side of SIDES) {
      const order = { side, brokers: kafka.brokers, topic: TOPIC, partitions: PARTITIONS, records: RECORDS };
      runs[side].push(await run(order));
    }
  }
  const middle = (side: SideName): SideReport => ({
    seconds: median(runs[side].map(({ seconds }) => seconds)),
    cpuSeconds: median(runs[side].map(({ cpuSeconds }) => cpuSeconds)),
    bytes: runs[side][0]!.bytes,
  });
  return { count: middle("count"), parse: middle("parse"), read: middle("read"), apply: middle("apply") };
}

function tell(sides: Record<SideName, SideReport>): void {
  const cpu = (side: SideName): number => (sides[side].cpuSeconds * 1e6) / RECORDS;
  const rate = (side: SideName): number => RECORDS / sides[side].seconds;
  const thousands = (side: SideName): string => `${Math.round(rate(side) / 1000)}k/s`;
  const share = rate("apply") / rate("count");
  const bytes = Math.round(sides.read.bytes / RECORDS);
  report({
    what: "Kafka to state in one thread (decoder, checks, all windows, copy for the redo), processor time",
    goal: "at most consuming with the same client and JSON.parse alone",
    figure: `${cpu("apply").toFixed(2)} s a million swaps, against ${cpu("parse").toFixed(2)} s`,
    met: cpu("apply") <= cpu("parse"),
    note: `Records of ${bytes} bytes. Writing checkpoints is not in it. Counting bytes alone takes the client ${cpu("count").toFixed(2)} s, our readers with checksums ${cpu("read").toFixed(2)} s.`,
  });
  report({
    what: "the same in swaps a second, against a loop with the same client that only counts bytes",
    goal: `at least ${RATE_GOAL} of its rate`,
    figure: `${share.toFixed(2)} (${thousands("apply")} against ${thousands("count")})`,
    met: share >= RATE_GOAL,
    note: `Our readers alone: ${thousands("read")}; client and JSON.parse: ${thousands("parse")}. The broker runs on the same machine.`,
  });
}

const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-kafka-"));
const kafka = await startKafka({ folder, heapMb: 1024, isForLoad: true });
try {
  await fill(kafka);
  tell(await measure(kafka));
} finally {
  await kafka.stop();
  rmSync(folder, { recursive: true, force: true });
}
