import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { emptyCounters } from "../../src/bus/status-merge.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { Metrics } from "../../src/observability/metrics.ts";
import { createMetricsServer } from "../../src/observability/metrics-server.ts";
import type { PartitionMetrics } from "../../src/observability/partition-metrics.ts";
import { addHistograms, PlainHistogram } from "../../src/observability/plain-histogram.ts";
import type { SourceNumbers } from "../../src/observability/source-metrics.ts";
import type { SwapstatsError } from "../../src/shared/errors.ts";
import { openRaw, startHarness } from "../serving/http/http-harness.ts";

function report(partition: number, changes: Partial<PartitionMetrics> = {}): PartitionMetrics {
  const seconds = new PlainHistogram([0.1, 1]);
  seconds.observe(0.1);
  seconds.observe(5);
  return {
    partition,
    counters: { ...emptyCounters(), accepted: 110, applied: 100, duplicates: 5, dead_letters: { bad_side: 5 } },
    countersAtStart: { ...emptyCounters(), accepted: 100, applied: 95, dead_letters: { bad_side: 2 } },
    lagMs: 1_500,
    lagRecords: 7,
    tokens: 3,
    tokensSplit: 1,
    applySeconds: seconds.numbers(),
    checkpointSeconds: seconds.numbers(),
    checkpointBytes: 1_000,
    decoderFallbacks: 0,
    restoreSeconds: 0.25,
    storeCircuit: undefined,
    hot: undefined,
    ...changes,
  };
}

const SOURCE: SourceNumbers = {
  counters: {
    fetches: 1,
    fetchErrors: 2,
    bytes: 3,
    controlRecords: 4,
    abortedRecords: 5,
    explainedHoles: 6,
    damagedReads: 7,
    leaderChanges: 8,
    droppedRecords: 17,
    droppedBatches: 9,
  },
  waitingBytes: 100,
  spilledBytes: 4_096,
};

/** Samples by name and labels, as in the text. */
async function samplesOf(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
  );
}

describe("metrics", () => {
  test("the page has every metric of the interface, and the runtime's own", async () => {
    const metrics = new Metrics();
    metrics.applyPartition(report(0));
    metrics.addRejected("bad_side", 2);
    metrics.addWsClosed("slow");
    metrics.addLimited("by_ip");
    metrics.applyPartition(report(1, { source: SOURCE }));
    metrics.group = { isMember: true, assigned: 2, rebalances: 3, lastRebalanceMs: 1_500 };
    metrics.setCircuit("nats", "open");
    metrics.setCircuit("redis", "closed");
    metrics.requestTimes("GET", "/stats").observe(200, 0.001);
    const text = await metrics.text();
    const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    const expected = {
      counter: [
        "events_ingested_total",
        "events_applied_total",
        "dedupe_hits_total",
        "late_total",
        "quarantined_total",
        "dead_letters_total",
        "rejected_total",
        "removed_total",
        "ws_resumed_total",
        "ws_conflated_total",
        "limited_total",
        "limit_redis_calls_total",
        "ws_closed_total",
        "fetches_total",
        "fetched_bytes_total",
        "fetch_errors_total",
        "leader_changes_total",
        "control_records_total",
        "aborted_records_total",
        "explained_holes_total",
        "damaged_reads_total",
        "dropped_records_total",
        "dropped_batches_total",
        "rebalances_total",
      ],
      gauge: [
        "consumer_lag_seconds",
        "consumer_lag_records",
        "checkpoint_bytes",
        "restore_duration_seconds",
        "tokens",
        "ws_clients",
        "ws_rows",
        "ws_pending_tokens",
        "ws_kept_channels",
        "ws_held_bytes",
        "circuit_state",
        "waiting_bytes",
        "spilled_bytes",
        "group_member",
        "assigned_partitions",
        "last_rebalance_seconds",
      ],
      histogram: [
        "window_apply_seconds",
        "checkpoint_duration_seconds",
        "ws_push_lag_seconds",
        "http_request_duration_seconds",
      ],
    };
    for (const [type, list] of Object.entries(expected)) {
      for (const name of list) assert.ok(names.includes(`swapstats_${name} ${type}`), name);
    }
    assert.match(text, /^swapstats_circuit_state\{dependency="nats"\} 2$/m);
    assert.match(text, /^swapstats_circuit_state\{dependency="redis"\} 0$/m);
    const samples = await samplesOf(metrics);
    assert.equal(samples.get('swapstats_dropped_records_total{partition="1"}'), 17);
    assert.equal(samples.get('swapstats_spilled_bytes{partition="1"}'), 4_096);
    assert.equal(samples.has('swapstats_dropped_records_total{partition="0"}'), false);
    const group = ["group_member", "assigned_partitions", "rebalances_total", "last_rebalance_seconds"];
    assert.deepEqual(
      group.map((name) => samples.get(`swapstats_${name}`)),
      [1, 2, 3, 1.5],
    );
    assert.ok(names.includes("process_cpu_seconds_total counter"));
    assert.ok(names.includes("nodejs_heap_size_used_bytes gauge"));
  });

  test("counters begin at zero with the process and add up over partitions", async () => {
    const metrics = new Metrics();
    metrics.applyPartition(report(0));
    metrics.applyPartition(report(1, { lagMs: 200, lagRecords: 1, restoreSeconds: 0.5 }));
    metrics.applyPartition(report(0));
    const samples = await samplesOf(metrics);
    assert.equal(samples.get("swapstats_events_ingested_total"), 20);
    assert.equal(samples.get("swapstats_events_applied_total"), 10);
    assert.equal(samples.get("swapstats_dedupe_hits_total"), 10);
    assert.equal(samples.get('swapstats_dead_letters_total{code="bad_side"}'), 6);
    assert.equal(samples.get("swapstats_consumer_lag_seconds"), 1.5);
    assert.equal(samples.get('swapstats_consumer_lag_records{partition="0"}'), 7);
    assert.equal(samples.get('swapstats_consumer_lag_records{partition="1"}'), 1);
    assert.equal(samples.get("swapstats_tokens"), 6);
    assert.equal(samples.get("swapstats_checkpoint_bytes"), 2_000);
    assert.equal(samples.get("swapstats_restore_duration_seconds"), 0.5);
  });

  test("a partition that left this process is in no gauge, and stays in the counters", async () => {
    const metrics = new Metrics();
    metrics.applyReports([report(0), report(1, { lagMs: 9_000, source: SOURCE })]);
    metrics.applyReports([report(0)]);
    const samples = await samplesOf(metrics);
    assert.equal(samples.get("swapstats_tokens"), 3);
    assert.equal(samples.get("swapstats_consumer_lag_seconds"), 1.5);
    assert.equal(samples.has('swapstats_consumer_lag_records{partition="1"}'), false);
    assert.equal(samples.has('swapstats_waiting_bytes{partition="1"}'), false);
    assert.equal(samples.get('swapstats_dropped_records_total{partition="1"}'), 17);
    assert.equal(samples.get("swapstats_events_ingested_total"), 20);
    metrics.applyReports([report(0), report(1)]);
    assert.equal((await samplesOf(metrics)).get("swapstats_tokens"), 6);
  });

  test("values written to the hot store add up, and the worst age and the worst circuit count", async () => {
    const metrics = new Metrics();
    const circuit = { dependency: "redis_hot", state: "closed" } as const;
    const hot = { written: 10, refused: 2, failures: 1, lagMs: 1_500, circuit };
    metrics.applyPartition(report(0, { hot }));
    metrics.applyPartition(report(1, { hot: { ...hot, lagMs: 200, circuit: { ...circuit, state: "open" } } }));
    const samples = await samplesOf(metrics);
    const values = ["written_total", "refused_total", "failures_total", "lag_seconds"];
    assert.deepEqual(
      values.map((name) => samples.get(`swapstats_hot_${name}`)),
      [20, 4, 2, 1.5],
    );
    assert.equal(samples.get('swapstats_circuit_state{dependency="redis_hot"}'), 2);
  });

  test("records that the decoder failed on add up over partitions", async () => {
    const metrics = new Metrics();
    metrics.applyPartition(report(0, { decoderFallbacks: 1 }));
    metrics.applyPartition(report(1, { decoderFallbacks: 2 }));
    assert.equal((await samplesOf(metrics)).get("swapstats_decoder_fallbacks_total"), 3);
  });

  test("histograms are cumulative, and a bucket includes its edge", async () => {
    const metrics = new Metrics();
    metrics.applyPartition(report(0));
    metrics.applyPartition(report(1));
    const samples = await samplesOf(metrics);
    const name = "swapstats_window_apply_seconds";
    assert.equal(samples.get(`${name}_bucket{le="0.1"}`), 2);
    assert.equal(samples.get(`${name}_bucket{le="1"}`), 2);
    assert.equal(samples.get(`${name}_bucket{le="+Inf"}`), 4);
    assert.equal(samples.get(`${name}_count`), 4);
    assert.equal(samples.get(`${name}_sum`), 10.2);
    assert.equal(addHistograms([]), undefined);
  });

  test("parts update their numbers when metrics are read, and one that fails does no harm", async () => {
    const metrics = new Metrics();
    metrics.onCollect(async () => metrics.applyPartition(report(0)));
    metrics.onCollect(async () => {
      throw new Error("gone");
    });
    assert.equal((await samplesOf(metrics)).get("swapstats_tokens"), 3);
  });

  test("requests are counted by route, not by path", async (t) => {
    const { call, metrics } = await startHarness(t);
    for (const path of ["/api/tokens/BTC/stats", "/api/tokens/weth/stats", "/api/tokens/x/stats", "/a", "/b"]) {
      await call(path);
    }
    const samples = await samplesOf(metrics);
    const count = (labels: string) => samples.get(`swapstats_http_request_duration_seconds_count{${labels}}`);
    assert.equal(count('method="GET",route="/api/tokens/{id}/stats",status="200"'), 2);
    assert.equal(count('method="GET",route="/api/tokens/{id}/stats",status="404"'), 1);
    assert.equal(count('method="any",route="unmatched",status="404"'), 2);
  });

  test("the listener serves /metrics and nothing else", async (t) => {
    const metrics = new Metrics();
    const logger = createLogger({ level: "silent", format: "json" });
    const server = createMetricsServer({ metrics, logger, admit: async () => undefined });
    t.after(() => server.close());
    const port = await server.listen({ host: "127.0.0.1", port: 0 });
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    assert.match(await answer.text(), /^swapstats_tokens 0$/m);
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404);
    assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`, { method: "POST" })).status, 405);
    const second = createMetricsServer({ metrics, logger, admit: async () => undefined });
    await assert.rejects(second.listen({ host: "127.0.0.1", port }), (error: SwapstatsError) => {
      assert.equal(error.code, "bad_config");
      assert.match(error.message, /metrics\.prometheus/);
      return true;
    });
  });

  test("the listener answers in order, and for its own names only", async (t) => {
    const metrics = new Metrics();
    const server = createMetricsServer({
      metrics,
      logger: createLogger({ level: "silent", format: "json" }),
      admit: async () => undefined,
    });
    t.after(() => server.close());
    const port = await server.listen({ host: "127.0.0.1", port: 0 });
    const ask = async (text: string): Promise<string> => {
      const client = await openRaw(port);
      client.send(text);
      return client.closed;
    };
    const get = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n";
    const many = await ask(`${`${get}\r\n`.repeat(200)}`);
    assert.equal(many.match(/HTTP\/1\.1 200 /g)?.length, 5, "one runs, four wait, the rest ends the connection");
    assert.match(
      await ask("GET /metrics HTTP/1.1\r\nHost: evil.example:9091\r\nConnection: close\r\n\r\n"),
      /^HTTP\/1\.1 421 /,
    );
    assert.match(await ask("GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 400 /);
    assert.match(await ask(`${get}Host: b\r\nConnection: close\r\n\r\n`), /^HTTP\/1\.1 400 /);
    assert.match(await ask("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"), /^HTTP\/1\.1 405 /);
    assert.match(await ask(`${get}X-A: ${"a".repeat(9_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
    assert.match(await ask("what\r\n\r\n"), /^HTTP\/1\.1 400 /);
  });
});
