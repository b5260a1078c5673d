/**
 * The time from a produced swap to the socket of a client at an instance that does not own the token, at 1,000 swaps a second over all
 * partitions: two instances of the real program with the default coalescing of 100 ms, a token in each partition that only this benchmark
 * trades, and a client at each instance that is subscribed to the tokens of the other.
 */
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { WebSocket } from "ws";
import { KafkaProducer, PRODUCER_RETRIES } from "../server/src/clients/kafka/producer.ts";
import { partitionOfTokenId } from "../server/src/shared/token-partition.ts";
import { SwapFeed } from "./kafka/feed.ts";
import { Instance, isShared, ownedBy } from "./kafka/instance.ts";
import { PARTITIONS, recordsOf, type Site, secondsOf, TOPIC, withSite } from "./kafka/site.ts";
import { report } from "./report.ts";

const SWAPS_PER_SECOND = 1_000;
/** Swaps in the states before. */
const BEFORE = recordsOf(300_000);
const WARM_UP_MS = 5_000;
const SECONDS = secondsOf(60);
/** Not a multiple of the tick, so that swaps come at every moment of it. */
const PROBE_EVERY_MS = 37;
const WINDOW = "5m";
const GOAL_MS = 300;
const COALESCE_MS = 100;
const END_LIMIT_MS = 10_000;

type Update = { data?: { windows?: Windows }; patch?: { windows?: Windows } };
type Windows = Partial<Record<string, { trades?: number }>>;

/** A token of one partition. Trades it, and measures until a client has received each trade. */
class Probe {
  readonly partition: number;
  readonly delaysMs: number[] = [];
  readonly #token: string;
  readonly #sentAtMs: number[] = [];
  /** Trades that the client has seen, and those before the measurement. */
  #seen = 0;
  #skip = Number.POSITIVE_INFINITY;

  constructor(partition: number) {
    let index = 0;
    while (partitionOfTokenId(`1:probe-${index}`, PARTITIONS) !== partition) index++;
    this.partition = partition;
    this.#token = `probe-${index}`;
  }

  get channel(): string {
    return `token:1:${this.#token}`;
  }

  get isComplete(): boolean {
    return this.#seen === this.#sentAtMs.length;
  }

  async trade(producer: KafkaProducer): Promise<void> {
    const index = this.#sentAtMs.length;
    const swap = { chain_id: 1, tx_hash: `${this.#token}-${index}`, log_index: 0, token: this.#token, who: "w" };
    const event = { ...swap, side: "buy", amount_token: "1", amount_usd: "1", event_time: Date.now() };
    this.#sentAtMs.push(performance.now());
    const key = Buffer.from(`1:${this.#token}`);
    await producer.send([{ partition: this.partition, key, value: Buffer.from(JSON.stringify(event)) }]);
  }

  /** Starts the measurement. */
  begin(): void {
    this.#skip = this.#sentAtMs.length;
  }

  take(update: Update): void {
    const trades = (update.patch ?? update.data)?.windows?.[WINDOW]?.trades;
    if (trades === undefined) return;
    const nowMs = performance.now();
    for (; this.#seen < trades; this.#seen++) {
      if (this.#seen >= this.#skip) this.delaysMs.push(nowMs - this.#sentAtMs[this.#seen]!);
    }
  }
}

/** A client at this instance, subscribed to these tokens. */
async function listen(instance: Instance, probes: readonly Probe[]): Promise<WebSocket> {
  const socket = new WebSocket(instance.webSocketUrl);
  socket.on("message", (data) => {
    const message = JSON.parse(data.toString()) as Update & { channel?: string };
    probes.find(({ channel }) => channel === message.channel)?.take(message);
  });
  await once(socket, "open");
  socket.send(JSON.stringify({ subscribe: probes.map(({ channel }) => channel), windows: [WINDOW] }));
  return socket;
}

async function trade(probes: readonly Probe[], producer: KafkaProducer, ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  for (let i = 0; performance.now() < endMs; i++) {
    await Promise.all([probes[i % probes.length]!.trade(producer), pause(PROBE_EVERY_MS)]);
  }
}

async function measure(site: Site, instances: readonly Instance[]): Promise<readonly number[]> {
  const [a, b] = [instances[0]!, instances[1]!];
  const half = PARTITIONS / 2;
  const connection = {
    brokers: site.kafka.brokers,
    clientId: "bench",
    connectTimeoutMs: 5_000,
    requestTimeoutMs: 10_000,
  };
  const producer = new KafkaProducer(connection, TOPIC, PRODUCER_RETRIES);
  const sockets: WebSocket[] = [];
  try {
    const probes = Array.from({ length: PARTITIONS }, (_, partition) => new Probe(partition));
    // Its token is known before anybody subscribes to it.
    for (const probe of probes) await probe.trade(producer);
    const seen = await a.until(
      "shares",
      (all) => isShared(all, { a: half, b: half }) && all.every(({ lag }) => lag < SWAPS_PER_SECOND),
    );
    const ofA = new Set(ownedBy(seen, "a").map(({ partition }) => partition));
    sockets.push(
      await listen(
        b,
        probes.filter(({ partition }) => ofA.has(partition)),
      ),
    );
    sockets.push(
      await listen(
        a,
        probes.filter(({ partition }) => !ofA.has(partition)),
      ),
    );
    await trade(probes, producer, WARM_UP_MS);
    for (const probe of probes) probe.begin();
    await trade(probes, producer, SECONDS * 1000);
    const limitMs = performance.now() + END_LIMIT_MS;
    while (!probes.every(({ isComplete }) => isComplete)) {
      if (performance.now() > limitMs) throw new Error("some swaps have not reached their client");
      await pause(PROBE_EVERY_MS);
    }
    return probes.flatMap(({ delaysMs }) => delaysMs).sort((x, y) => x - y);
  } finally {
    for (const socket of sockets) socket.terminate();
    await producer.close();
  }
}

function tell(delaysMs: readonly number[]): void {
  const quantile = (q: number): number => delaysMs[Math.min(delaysMs.length - 1, Math.floor(q * delaysMs.length))]!;
  report({
    what: "time from the producer to the socket of a client at another instance, at 1,000 swaps/s, p99",
    goal: `at most ${GOAL_MS} ms with coalescing at ${COALESCE_MS} ms`,
    figure: `${quantile(0.99).toFixed(0)} ms`,
    met: quantile(0.99) <= GOAL_MS,
    note: `Median ${quantile(0.5).toFixed(0)} ms, longest ${delaysMs.at(-1)!.toFixed(0)} ms of ${delaysMs.length} swaps. The time begins before the swap is handed to the producer (acknowledged by all replicas). The swap passes Kafka, its owner and NATS, and the time ends when the other instance's client has the patch. Coalescing takes up to ${COALESCE_MS} ms of it. Broker, NATS, Redis, both instances, producer and clients share two processors.`,
  });
}

await withSite(async (site) => {
  const feed = await SwapFeed.open(site.target, { startMs: Date.now() - BEFORE });
  await feed.fill(BEFORE);
  const instances = [await Instance.start(site, "a"), await Instance.start(site, "b")];
  const ending = new AbortController();
  const pacing = feed.pace(SWAPS_PER_SECOND, ending.signal);
  pacing.catch(() => {});
  try {
    tell(await measure(site, instances));
  } finally {
    ending.abort();
    await pacing.catch(() => {});
    await Promise.all(instances.map(({ process }) => process.kill("SIGKILL")));
    await feed.close();
  }
});
